package serve

import (
	"context"
	"math"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// PullThrough says how distributions of a kind pass through what they do not have: from the remote that a distribution
// names, at the moment when a client asks.
type PullThrough struct {
	// Folder gives the URL of the folder that paths lie below, of the URL of a remote; nil: they lie below that URL itself.
	Folder func(remoteURL string) (string, error)
	// Unit says what a path becomes. With nil, for all paths or for one, it is passed on and not kept.
	Unit func(path string) MakeUnit
	// Repositories are those that take the units, by their pulp_type.
	Repositories map[string]PullRepository
}

// MakeUnit stores a unit of content whose file is an artifact, or finds the one that is there, in a transaction; its errors
// are those of the database. Two files of the same path may be two units; in a repository the new one takes the place of
// the old one by its repo_key.
type MakeUnit func(ctx context.Context, tx *db.Tx, domain string, a *model.Artifact) (contentID, relativePath string, err error)

// PullRepository names a kind of repositories for tasks.
type PullRepository struct {
	// KindPath is such as "repositories/file/file", Model such as "file.filerepository".
	KindPath, Model string
}

// Pull is a path that the upstream has to be asked for.
type Pull struct {
	// Path is the one below the distribution, URL where the upstream has it.
	Path, URL string
	Remote    *model.Remote
	// Unit makes content of it; nil: it is passed on and not kept.
	Unit MakeUnit
	// Kept is what was pulled earlier and is too old to be given without asking; it is still good when the upstream is in
	// trouble. Nil: there is none.
	Kept *Found
	// Known is the row of the path; nil: there is none.
	Known *model.Pull
}

// PullTimes are how long an answer of an upstream counts.
type PullTimes struct {
	// Fresh is for a file, Missing for "there is no such file".
	Fresh, Missing time.Duration
}

// pulls tells whether the distribution asks an upstream.
func (l *lookUp) pulls(d *model.Distribution) bool {
	return d.RemoteID != nil && l.kind.PullThrough != nil && !d.Checkpoint
}

// through resolves a path of a distribution that has a remote. What was pulled is served as it was pulled last, as long as
// the repository has it or is about to get it; else what the distribution serves anyway; else the upstream is asked.
func (l *lookUp) through(tx *gorm.DB, d *model.Distribution) error {
	p, err := l.pull(tx, d)
	if err != nil {
		return err
	}
	if p == nil {
		return l.plain(tx, d)
	}
	l.pulled = true
	kept, ours, err := keptBy(tx, d, p.Known)
	if err != nil {
		return err
	}
	if p.Unit == nil {
		kept, ours = nil, false // what is passed on comes from the upstream each time
	}
	if !ours { // or else the bytes of what is kept may be gone, and are asked for again
		err := l.plain(tx, d)
		if !errs.Is(err, errs.NotFound) {
			return err
		}
		if kept != nil && d.RepositoryID != nil && !p.Known.Refused {
			kept = nil // somebody has taken it out of the repository
		}
	}
	return l.ask(d, p, kept)
}

// ahead is how far the clock of a process may be ahead of another one's. What was asked later is of a clock that was wrong,
// and does not count.
const ahead = time.Minute

// ask answers with what is known, if that is new enough.
func (l *lookUp) ask(d *model.Distribution, p *Pull, kept *Found) error {
	l.result = Result{Distribution: d}
	age := time.Duration(-1)
	if p.Known != nil {
		if age = model.Now().Sub(p.Known.CheckedAt); age < -ahead {
			age = math.MaxInt64
		}
	}
	times := l.resolver.pull
	switch {
	case kept != nil && age < times.Fresh:
		l.result.Found = kept
	case p.Known != nil && p.Known.ContentID == nil && age < times.Missing:
		return errs.New(errs.NotFound, "the upstream of this distribution had no such file a moment ago; ask again later")
	default:
		p.Kept = kept
		l.result.Pull = p
	}
	return nil
}

// pull says where the upstream has the path, with what is known of it; nil when it cannot have it.
func (l *lookUp) pull(tx *gorm.DB, d *model.Distribution) (*Pull, error) {
	var remotes []model.Remote
	if err := tx.Where("id = ? AND domain_id = ?", *d.RemoteID, d.DomainID).Limit(1).Find(&remotes).Error; err != nil || len(remotes) == 0 {
		return nil, err
	}
	url, ok, err := l.kind.PullThrough.address(remotes[0].URL, l.rel)
	if err != nil || !ok {
		return nil, err
	}
	p := &Pull{Path: l.rel, URL: url, Remote: &remotes[0]}
	if l.kind.PullThrough.Unit != nil && p.Remote.Policy != model.Streamed {
		p.Unit = l.kind.PullThrough.Unit(l.rel)
	}
	var known []model.Pull
	err = tx.Where("distribution_id = ? AND path = ? AND remote_id = ? AND url = ?", d.ID, l.rel, p.Remote.ID, url).Limit(1).Find(&known).Error
	if len(known) > 0 {
		p.Known = &known[0]
	}
	return p, err
}

// keptBy gives the file that was pulled, nil when there is none or its bytes were reclaimed; ours tells whether the
// repository of the distribution has the unit, or is about to get it.
func keptBy(tx *gorm.DB, d *model.Distribution, known *model.Pull) (kept *Found, ours bool, err error) {
	if known == nil || known.ContentID == nil || known.ContentPath == nil {
		return nil, false, nil
	}
	if ours, err = belongs(tx, d, known); err != nil {
		return nil, false, err
	}
	var found []model.Artifact
	err = tx.Where("id = (SELECT artifact_id FROM core_content_artifacts WHERE content_id = ? AND relative_path = ?)", *known.ContentID, *known.ContentPath).
		Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, ours, err
	}
	return &Found{Artifact: &found[0], Path: known.Path, ContentID: *known.ContentID, AddedAt: deref(known.PulledAt)}, ours, nil
}

// belongs tells whether the repository of the distribution has a unit, or is about to get it.
func belongs(tx *gorm.DB, d *model.Distribution, known *model.Pull) (bool, error) {
	if d.RepositoryID == nil || known.Waiting {
		return d.RepositoryID != nil, nil
	}
	var members []int
	err := tx.Raw("SELECT 1 FROM core_repository_contents WHERE repository_id = ? AND content_id = ? AND version_removed IS NULL LIMIT 1",
		*d.RepositoryID, *known.ContentID).Scan(&members).Error
	return len(members) > 0, err
}
