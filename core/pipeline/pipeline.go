// Package pipeline brings the content of an upstream into a repository. A plugin writes the first stage, which says
// unit by unit what the upstream has; the rest is here and the same for all plugins:
//
//	first → gather → look → fetch → save → version
//
//	gather   makes batches, a batch in each channel at most, so memory does not grow with the upstream
//	look     leaves out what the repository has already, finds artifacts by digest, and alternate places
//	fetch    downloads what the policy wants now, several at once, digest and size verified on the way
//	save     stores a batch in one transaction: artifacts, content, where it can be fetched, and that it is wanted
//	version  makes one version of all that is wanted, in one transaction; before it nothing is visible
//
// Each stage has one span in the trace of its task, with what it counted.
//
// A file that cannot be had does not end the work of the others: all that is missing is told together at the end, and
// then no version is made. What was fetched is kept, so that the next run needs only the rest.
package pipeline

import (
	"context"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/task"
)

// Kind is what the pipeline must know of a type of content.
type Kind struct {
	repository.ContentType
	// Columns are those of the detail table beside id and domain_id.
	Columns []string
	// NaturalKey are those of Columns that, within a domain, name the unit.
	NaturalKey []string
	// Values gives the values of Columns of a unit's row. files are the digests and sizes of its files, as the upstream
	// tells them or, where it does not, as they were received.
	Values func(row any, files []Stored) ([]any, error)
}

// Stored is what is known of a file when its unit is stored.
type Stored struct {
	RelativePath string
	Digests      artifact.Digests
	Size         int64
}

// Unit is one unit of content as the upstream has it.
type Unit struct {
	// Row is the plugin's row, for Kind.Values.
	Row   any
	Files []File
}

// File is one file of a unit.
type File struct {
	// RelativePath is where the unit offers it.
	RelativePath string
	// URL is where it can be fetched.
	URL string
	// Size in bytes and Digests are what the upstream says; nil and empty where it says nothing.
	Size    *int64
	Digests artifact.Digests
	// Open gives the bytes where they are at hand, instead of a URL.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Options are what a pipeline works with.
type Options struct {
	Run      *task.Run
	Store    *artifact.Store
	Versions *repository.Committer
	Remotes  *remote.Remotes
	// Remote is where the files come from; its policy says whether they are fetched now. Nil when all are at hand.
	Remote *model.Remote
	Kind   Kind
	// RepositoryID and KindPath name the repository, KindPath the path of its kind.
	RepositoryID, KindPath string
	// Mirror makes the version exactly what the upstream has; otherwise units are added to it.
	Mirror bool
	// Alternate marks the places of the files as those of an alternate content source.
	Alternate bool
}

// First is the stage that a plugin writes: it calls emit for each unit and returns emit's error at once.
type First func(ctx context.Context, emit func(Unit) error) error

// batchSize is how many units are looked up and stored together.
const batchSize = 1000

// Run brings everything that first emits into a new version, nil when nothing changes. It ends within moments of ctx.
func Run(ctx context.Context, o Options, first First) (*model.RepositoryVersion, error) {
	p, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := p.flow(ctx, first); err != nil {
		return nil, err
	}
	if err := p.failures.err(); err != nil {
		return nil, err
	}
	p.Run.Log().Info("all that is wanted is here", "downloaded", p.found)
	var v *model.RepositoryVersion
	err = staged(ctx, "commit", func(ctx context.Context, s *stage) (err error) { v, err = p.version(ctx, s); return err })
	return v, err
}

// pipeline is one run.
type pipeline struct {
	Options
	client     *remote.Client
	detail     []db.Column // id, domain_id and the columns of the kind
	key        []db.Column // those of the natural key
	keyAt      []int       // where they stand among the values
	placeAt    int         // where the repository key stands among them, -1 for none
	alternates bool        // whether the domain has alternate places at all
	empty      bool        // whether the repository has no content yet
	failures   failures

	// staged is set by save once something was staged.
	staged bool

	mu          sync.Mutex
	downloading *task.Progress
	found       int64
}

// flow runs the stages until the last unit is stored.
func (p *pipeline) flow(ctx context.Context, first First) error {
	group, ctx := errgroup.WithContext(ctx)
	units, looked, fetched := make(chan Unit, batchSize), make(chan *batch, 1), make(chan *batch, 1)
	gathered := make(chan *batch, 1)
	group.Go(func() error {
		defer close(units)
		return staged(ctx, "read", func(ctx context.Context, s *stage) error {
			return first(ctx, func(u Unit) error { s.count("units", 1); return send(ctx, units, u) })
		})
	})
	group.Go(func() error {
		defer close(gathered)
		return gather(ctx, units, gathered)
	})
	group.Go(func() error {
		defer close(looked)
		return staged(ctx, "look-up", func(ctx context.Context, s *stage) error {
			return each(ctx, gathered, func(b *batch) error { return p.pass(ctx, s, b, p.look, looked) })
		})
	})
	group.Go(func() error {
		defer close(fetched)
		return staged(ctx, "download", func(ctx context.Context, s *stage) error { return p.fetchAll(ctx, s, looked, fetched) })
	})
	group.Go(func() error {
		return staged(ctx, "store", func(ctx context.Context, s *stage) error {
			return each(ctx, fetched, func(b *batch) error { return s.work(func() error { return p.save(ctx, s, b) }) })
		})
	})
	return group.Wait()
}

// pass does the work of a stage on a batch and hands on what is left of it.
func (p *pipeline) pass(ctx context.Context, s *stage, b *batch, work func(context.Context, *stage, *batch) error, to chan<- *batch) error {
	if err := s.work(func() error { return work(ctx, s, b) }); err != nil {
		return err
	}
	if len(b.items) == 0 && len(b.settled) == 0 {
		return nil
	}
	return send(ctx, to, b)
}

// version makes the version of what was staged and tells how much came and went.
func (p *pipeline) version(ctx context.Context, s *stage) (*model.RepositoryVersion, error) {
	associating, err := p.Run.Progress(ctx, "associating.content", "Associating Content", nil, "")
	if err != nil {
		return nil, err
	}
	var v *model.RepositoryVersion
	err = p.Run.InTx(ctx, func(tx *db.Tx) (err error) {
		if err := tx.PreferIndexes(); err != nil {
			return err
		}
		v, err = p.Versions.CommitInTask(tx, p.Run, p.KindPath, p.RepositoryID, repository.Delta{Staged: p.Run.ID, Mirror: p.Mirror})
		return err
	})
	if err != nil {
		return nil, err
	}
	added, removed := int64(0), int64(0)
	if v != nil {
		counts, err := v.ReadCounts()
		if err != nil {
			return nil, err
		}
		added, removed = total(counts.Added), total(counts.Removed)
	}
	s.count("added", int(added))
	s.count("removed", int(removed))
	associating.Finish(added)
	if v == nil {
		p.Run.Log().Info("nothing has changed, so no version was made")
	} else {
		p.Run.Log().Info("a version was made", "version", v.Number, "added", added, "removed", removed)
	}
	if !p.Mirror && removed == 0 {
		return v, nil
	}
	unassociating, err := p.Run.Progress(ctx, "unassociating.content", "Un-Associating Content", nil, "")
	if err == nil {
		unassociating.Finish(removed)
	}
	return v, err
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// send hands something on unless the work has ended.
func send[T any](ctx context.Context, to chan<- T, value T) error {
	select {
	case to <- value:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// each works on all that comes until the channel is closed or the work has ended.
func each[T any](ctx context.Context, from <-chan T, work func(T) error) error {
	for {
		select {
		case value, more := <-from:
			if !more {
				return nil
			}
			if err := work(value); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
