package serve

import (
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// source is what a distribution serves at this moment. It holds identities only; everything else is read by them.
type source struct {
	tx        *gorm.DB
	pathKeyed string
	// publication is empty for kinds that serve versions as they are.
	publication string
	// repository and version are set when the content of a version is served, at its own paths.
	repository string
	version    int64
}

// choose picks the source of a distribution: its publication, else the newest publication of its version or of its
// repository, or the version itself where the kind has no publications.
func choose(tx *gorm.DB, kind Kind, d *model.Distribution) (*source, error) {
	s := &source{tx: tx, pathKeyed: kind.PathKeyed}
	switch {
	case d.PublicationID != nil:
		return s.published(tx.Where("id = ?", *d.PublicationID))
	case d.RepositoryVersionID != nil && kind.ServesPublications:
		return s.published(tx.Where("repository_version_id = ?", *d.RepositoryVersionID).Order("id DESC"))
	case d.RepositoryVersionID != nil:
		return s.raw(tx.Table("core_repository_versions").Select("repository_id, number").Where("id = ?", *d.RepositoryVersionID))
	case d.RepositoryID != nil && kind.ServesPublications:
		return s.published(tx.Where("repository_id = ?", *d.RepositoryID).Order("version_number DESC, id DESC"))
	case d.RepositoryID != nil:
		return s.raw(tx.Table("core_repositories").Select("id AS repository_id, latest_version AS number").Where("id = ?", *d.RepositoryID))
	}
	return nil, errs.New(errs.NotFound, "nothing is attached to this distribution; set its repository, repository version or publication")
}

// published takes the first complete publication of a query.
func (s *source) published(q *gorm.DB) (*source, error) {
	var found []model.Publication
	if err := q.Where("complete").Limit(1).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errs.New(errs.NotFound, "nothing has been published for this distribution; create a publication")
	}
	s.publication = found[0].ID
	if found[0].PassThrough {
		s.repository, s.version = found[0].RepositoryID, found[0].VersionNumber
	}
	return s, nil
}

// raw takes the version that a query names.
func (s *source) raw(q *gorm.DB) (*source, error) {
	var found []struct {
		RepositoryID string
		Number       int64
	}
	if err := q.Limit(1).Scan(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, notFound()
	}
	s.repository, s.version = found[0].RepositoryID, found[0].Number
	return s, nil
}

// resolve finds a path below the distribution: index.html of a folder, a folder, a file, in this order.
func (s *source) resolve(rel string) (Result, error) {
	if found, done, err := s.plain(rel); done || err != nil {
		return Result{Found: found}, err
	}
	folder := rel
	if rel != "" && !strings.HasSuffix(rel, "/") {
		folder = rel + "/"
	}
	if result, err := s.index(folder, folder == rel); err != nil || result != nil {
		return deref(result), err
	}
	if folder == rel {
		return s.list(folder)
	}
	for _, next := range s.pagers(folder) {
		if there, err := anything(folder, next); err != nil || there {
			return Result{AddSlash: err == nil}, err
		}
	}
	found, err := s.file(rel)
	return Result{Found: found}, err
}

// index gives the index.html of a folder. A published one answers under the folder's own name, with its slash; one
// among the content of a version answers without the slash too.
func (s *source) index(folder string, slash bool) (*Result, error) {
	path := folder + "index.html"
	var found *Found
	var err error
	if s.publication != "" {
		found, err = s.publishedFile(path)
	} else {
		found, err = s.contentFile(path)
	}
	switch {
	case errs.Is(err, errs.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case s.publication != "" && !slash:
		return &Result{AddSlash: true}, nil
	}
	return &Result{Found: found}, nil
}

func (s *source) list(folder string) (Result, error) {
	var all []Entry
	for _, next := range s.pagers(folder) {
		some, err := entries(s.tx.Statement.Context, folder, next)
		if err != nil {
			return Result{}, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return Result{}, notFound()
	}
	return Result{Listing: &Listing{Entries: unique(all)}}, nil
}

// file gives the file with exactly this path: a published one, else content of the version.
func (s *source) file(path string) (*Found, error) {
	if s.publication != "" {
		if found, err := s.publishedFile(path); !errs.Is(err, errs.NotFound) {
			return found, err
		}
	}
	if s.repository == "" {
		return nil, notFound()
	}
	return s.contentFile(path)
}

// deref gives what is pointed to, or nothing.
func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
