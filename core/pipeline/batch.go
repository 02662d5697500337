package pipeline

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
)

// batch is units on their way together.
type batch struct {
	items []*item
	// settled are units that the repository has already, with everything that belongs to them.
	settled []*item
}

// item is one unit on its way.
type item struct {
	Unit
	files []file
	// values are those of the kind's columns, once all digests are known.
	values []any
	// contentID is the identity of the unit; fresh says that it is about to be made.
	contentID string
	fresh     bool
	// at is the place among the units of the batch as the upstream gave them, key the natural key as one text, same
	// another item of the same unit.
	at   int
	key  string
	same *item
}

// file is what the stages have found out about a file.
type file struct {
	// artifactID is the artifact of the bytes, nil as long as there is none.
	artifactID *string
	// received are bytes that have just come in.
	received *artifact.Received
	// elsewhere are places of alternate content sources.
	elsewhere []place
}

// place is where a file can be had.
type place struct{ remoteID, url string }

// linger is how long a batch waits for more units before it goes on with those that are there.
const linger = 500 * time.Millisecond

// gather makes batches of units. A slow upstream gets smaller ones, so that its progress shows.
func gather(ctx context.Context, units <-chan Unit, to chan<- *batch) error {
	b := &batch{}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	flush := func() error {
		if len(b.items) == 0 {
			return nil
		}
		full := b
		b = &batch{}
		return send(ctx, to, full)
	}
	for {
		select {
		case u, more := <-units:
			if !more {
				return flush()
			}
			b.items = append(b.items, &item{Unit: u, at: len(b.items), files: make([]file, len(u.Files))})
			if len(b.items) == 1 {
				timer.Reset(linger)
			}
			if len(b.items) < batchSize {
				continue
			}
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// known tells whether all files of a unit are told by a SHA-256, so that the unit can be named before they are here.
func (i *item) known() bool {
	for _, f := range i.Files {
		if f.Digests[artifact.SHA256] == "" {
			return false
		}
	}
	return true
}

// complete fills in the values of the unit's columns.
func (p *pipeline) complete(i *item) error {
	stored := make([]Stored, len(i.Files))
	for k, f := range i.Files {
		stored[k] = Stored{RelativePath: f.RelativePath, Digests: f.Digests}
		if f.Size != nil {
			stored[k].Size = *f.Size
		}
		if got := i.files[k].received; got != nil {
			stored[k].Digests, stored[k].Size = got.Digests, got.Size
		}
	}
	values, err := p.Kind.Values(i.Row, stored)
	i.values = values
	return err
}

// cancel throws away bytes that were received and not placed.
func (b *batch) cancel() {
	b.eachFile(func(i *item, k int) {
		if got := i.files[k].received; got != nil {
			_ = got.Cancel() // a temporary file that stays is cleaned up later
		}
	})
}
