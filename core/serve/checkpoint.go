package serve

import (
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// checkpointStamp is how the folder of a checkpoint is called: the second in which its publication was made, in UTC.
const checkpointStamp = "20060102T150405Z"

// checkpoint resolves a path below a checkpoint distribution: the list of checkpoints, or <stamp>/<path> in the newest
// one that was there at that second. Its own stamp is the one address of each: others lead to it.
func (l *lookUp) checkpoint(tx *gorm.DB, d *model.Distribution) error {
	if d.RepositoryID == nil {
		return errs.New(errs.NotFound, "nothing is attached to this distribution; set its repository")
	}
	l.result = Result{Distribution: d}
	stamp, rest, slash := strings.Cut(l.rel, "/")
	if stamp == "" {
		listing, err := checkpoints(tx, *d.RepositoryID)
		l.result.Listing = listing
		return err
	}
	publication, err := checkpointAt(tx, *d.RepositoryID, stamp)
	if err != nil {
		return err
	}
	if !slash {
		l.result.AddSlash = true
		return nil
	}
	if own := stampOf(publication.PulpCreated); own != stamp {
		l.result.Moved = d.BasePath + "/" + own + "/" + rest
		return nil
	}
	source, err := (&source{tx: tx, pathKeyed: l.kind.PathKeyed}).published(tx.Where("id = ?", publication.ID))
	if err != nil {
		return err
	}
	result, err := source.resolve(rest)
	if err != nil {
		return err
	}
	result.Distribution = d
	l.result = result
	l.guide(rest)
	return nil
}

func stampOf(at time.Time) string { return at.UTC().Format(checkpointStamp) }

// ofCheckpoints begins a query for the checkpoints of a repository.
func ofCheckpoints(tx *gorm.DB, repository string) *gorm.DB {
	return tx.Table("core_publications").Where("repository_id = ? AND complete AND checkpoint", repository)
}

// checkpoints lists the folders of all checkpoints.
func checkpoints(tx *gorm.DB, repository string) (*Listing, error) {
	var made []model.Publication
	if err := ofCheckpoints(tx, repository).Select("pulp_created").Scan(&made).Error; err != nil {
		return nil, err
	}
	if len(made) == 0 {
		return nil, errs.New(errs.NotFound, "this repository has no checkpoint; make a publication with checkpoint")
	}
	all := make([]Entry, len(made))
	for i, p := range made {
		all[i] = Entry{Name: stampOf(p.PulpCreated), Dir: true}
	}
	return &Listing{Entries: unique(all)}, nil
}

// checkpointAt gives the newest checkpoint that was made up to the end of a second in the past.
func checkpointAt(tx *gorm.DB, repository, stamp string) (*model.Publication, error) {
	second, err := time.Parse(checkpointStamp, stamp)
	if err != nil || stampOf(second) != stamp || second.After(time.Now()) {
		return nil, notFound()
	}
	var found []model.Publication
	err = ofCheckpoints(tx, repository).Where("pulp_created < ?", second.Add(time.Second)).Order("pulp_created DESC, id DESC").Limit(1).Scan(&found).Error
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, notFound()
	}
	return &found[0], nil
}
