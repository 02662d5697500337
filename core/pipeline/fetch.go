package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/task"
)

// side is how many batches are fetched side by side, so that the last slow files of one do not keep the next waiting.
const side = 2

// defaultConcurrency is how many files are fetched at once where the remote does not say.
const defaultConcurrency = 10

// fetchAll fetches what is missing in each batch and hands the batches on.
func (p *pipeline) fetchAll(ctx context.Context, s *stage, from <-chan *batch, to chan<- *batch) error {
	group, ctx := errgroup.WithContext(ctx)
	for range side {
		group.Go(func() error {
			return each(ctx, from, func(b *batch) error { return p.pass(ctx, s, b, p.fetch, to) })
		})
	}
	return group.Wait()
}

// fetch brings in the files of a batch that are wanted now and not here. Units whose files cannot be had leave the batch.
func (p *pipeline) fetch(ctx context.Context, s *stage, b *batch) error {
	missing := b.missing(p.wanted())
	if len(missing) == 0 {
		return p.named(b, nil)
	}
	report, err := p.report(ctx, len(missing))
	if err != nil {
		return err
	}
	lost := map[*item]bool{}
	var mu sync.Mutex
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(p.concurrency())
	for _, m := range missing {
		group.Go(func() error {
			got, err := p.receive(inner, m.item, m.k)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				lost[m.item] = true
				s.count("lost", 1)
				return p.lost(inner, m, err)
			}
			m.item.files[m.k].received = got
			report.Add(1)
			s.count("files", 1)
			s.count("bytes", int(got.Size))
			return nil
		})
	}
	err = group.Wait()
	if err == nil && p.Store.Gathers() {
		err = p.Store.PlaceAll(ctx, b.received())
	}
	if err != nil {
		b.cancel()
		return err
	}
	return p.named(b, lost)
}

// received are the files of a batch that have just come in.
func (b *batch) received() (files []*artifact.Received) {
	b.eachFile(func(i *item, k int) {
		if got := i.files[k].received; got != nil {
			files = append(files, got)
		}
	})
	return files
}

// missed is a file to fetch.
type missed struct {
	item *item
	k    int
}

// missing lists the files without an artifact that are wanted, or whose bytes are at hand.
func (b *batch) missing(wanted bool) (all []missed) {
	b.eachFile(func(i *item, k int) {
		if i.files[k].artifactID == nil && (wanted || i.Files[k].Open != nil) {
			all = append(all, missed{i, k})
		}
	})
	return all
}

func (p *pipeline) concurrency() int {
	if p.Remote != nil && p.Remote.DownloadConcurrency != nil {
		return int(*p.Remote.DownloadConcurrency)
	}
	return defaultConcurrency
}

// receive brings in one file, from alternate places first, and places its bytes where that is not done for all at once.
func (p *pipeline) receive(ctx context.Context, i *item, k int) (*artifact.Received, error) {
	got, err := p.download(ctx, i.Files[k], i.files[k].elsewhere)
	if err != nil || p.Store.Gathers() {
		return got, err
	}
	if err := got.Place(ctx); err != nil {
		return nil, errors.Join(err, got.Cancel())
	}
	return got, nil
}

func (p *pipeline) download(ctx context.Context, f File, elsewhere []place) (*artifact.Received, error) {
	if f.Open != nil {
		return p.read(ctx, f)
	}
	for _, at := range elsewhere {
		got, err := p.alternate(ctx, f, at)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		p.Run.Log().Info("an alternate content source failed, the next place is tried", "url", remote.Clean(at.url), "error", err)
	}
	return p.client.Download(ctx, p.Store, remote.Want{URL: f.URL, Size: f.Size, Digests: f.Digests})
}

func (p *pipeline) alternate(ctx context.Context, f File, at place) (*artifact.Received, error) {
	var row model.Remote
	if err := p.Run.DB().Read(ctx).Where("id = ?", at.remoteID).Take(&row).Error; err != nil {
		return nil, err
	}
	client, err := p.Remotes.Client(&row)
	if err != nil {
		return nil, err
	}
	return client.Download(ctx, p.Store, remote.Want{URL: at.url, Size: f.Size, Digests: f.Digests})
}

// read takes in bytes that are at hand.
func (p *pipeline) read(ctx context.Context, f File) (*artifact.Received, error) {
	r, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	got, err := p.Store.Receive(ctx, r)
	if err = errors.Join(err, r.Close()); err != nil {
		if got != nil {
			err = errors.Join(err, got.Cancel())
		}
		return nil, err
	}
	size := int64(-1)
	if f.Size != nil {
		size = *f.Size
	}
	if err := got.Check(size, f.Digests); err != nil {
		return nil, errors.Join(err, got.Cancel())
	}
	return got, nil
}

// named completes units whose digests are known only now, and leaves out those that were lost.
func (p *pipeline) named(b *batch, lost map[*item]bool) error {
	kept := b.items[:0:0]
	for _, i := range b.items {
		if lost[i] {
			continue
		}
		if i.values == nil {
			if err := i.nameless(); err != nil {
				return err
			}
			if err := p.complete(i); err != nil {
				return err
			}
		}
		kept = append(kept, i)
	}
	b.items = kept
	return nil
}

// nameless refuses a unit of which a digest is still not known: nobody said it, and nobody fetched the file.
func (i *item) nameless() error {
	for k, f := range i.Files {
		if f.Digests[artifact.SHA256] == "" && i.files[k].received == nil {
			return errs.Coded(errs.Invalid, "PLP0019", "the upstream tells no SHA-256 of %s, so it can only be fetched at once; give the remote the policy immediate", f.RelativePath)
		}
	}
	return nil
}

// report counts the files that are fetched. Their total is what has been found so far.
func (p *pipeline) report(ctx context.Context, more int) (*task.Progress, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.downloading == nil {
		report, err := p.Run.Progress(ctx, "sync.downloading.artifacts", "Downloading Artifacts", nil, "")
		if err != nil {
			return nil, err
		}
		p.downloading = report
	}
	p.found += int64(more)
	p.downloading.SetTotal(p.found)
	return p.downloading, nil
}

// lost notes that a file cannot be had. Too many of them end the run: then the upstream is what is wrong.
func (p *pipeline) lost(ctx context.Context, m missed, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.Run.Log().Warn("a file could not be had", "path", m.item.Files[m.k].RelativePath, "error", err)
	if errs.Is(err, errs.StorageFull) {
		return fmt.Errorf("store %s: %w", m.item.Files[m.k].RelativePath, err)
	}
	return p.failures.add(m.item.Files[m.k], err)
}
