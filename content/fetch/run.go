package fetch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
)

const (
	// tries is how often one source may begin a body that breaks off before any client has seen something of it.
	tries = 3
	// block is the unit of copying in bytes.
	block = 128 << 10
)

// run is a transfer from its beginning to its end.
func (f *Fetcher) run(ctx context.Context, t *transfer) {
	artifact, err := f.bring(ctx, t)
	if err != nil && ctx.Err() != nil && f.isClosed() {
		err = stopping()
	}
	f.forget(t) // before the end: who is told of a failure and tries again begins anew
	t.end(artifact, err)
}

func (f *Fetcher) bring(ctx context.Context, t *transfer) (_ *model.Artifact, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = errs.New(errs.Internal, "panic while fetching: %w", fmt.Errorf("%v\n%s", fault, debug.Stack()))
		}
	}()
	if t.errand != nil {
		return f.pull(ctx, t)
	}
	all, err := f.candidates(ctx, t.place)
	if err != nil {
		return nil, err
	}
	mine, err := f.await(ctx, t, all)
	if err != nil || mine.stored != nil {
		return mine.stored, err
	}
	if mine.lease != nil {
		defer mine.lease.release(ctx)
	}
	if mine.waited { // the other process may have found out about a source
		if all, err = f.candidates(ctx, t.place); err != nil {
			return nil, err
		}
	}
	if a, err := f.there(ctx, t.place, all); a != nil || err != nil {
		return a, err
	}
	return f.search(ctx, t, mine, all)
}

// search tries one source after the other.
func (f *Fetcher) search(ctx context.Context, t *transfer, mine turn, all []candidate) (*model.Artifact, error) {
	var said []string
	for _, c := range all {
		if until, cooling := f.cooling(c); cooling {
			said = append(said, fmt.Sprintf("it failed lately and is left alone until %s", until.UTC().Format("15:04:05 UTC")))
			continue
		}
		c.passing = mine.passing
		a, err := f.try(ctx, t, c, mine.lease)
		if err == nil {
			return a, nil
		}
		f.Log.Warn("a file could not be fetched", slog.String("path", t.place.path), slog.String("content", t.place.content),
			slog.String("remote", c.remote.Name), slog.Any("error", err))
		if _, mine := ours(err); mine || ctx.Err() != nil {
			return nil, err
		}
		said = append(said, words(err))
		started := t.hasStarted()
		if broken(err) || started && len(all) > 1 {
			f.remember(ctx, c) // also where the next request may fare better with another source
		}
		if started {
			break
		}
	}
	return nil, nothing(said)
}

// try fetches from one source.
func (f *Fetcher) try(ctx context.Context, t *transfer, c candidate, l *lease) (*model.Artifact, error) {
	for a := range c.digests {
		if !slices.Contains(f.Store.Algorithms, a) {
			return nil, &wrong{fmt.Sprintf("it gives a %s, which is not among the allowed checksums", a)}
		}
	}
	source, err := f.Source(c.remote)
	if err != nil {
		return nil, &unusable{err}
	}
	for n := 1; ; n++ {
		open, err := source.Open(ctx, c.URL)
		if err != nil {
			return nil, err
		}
		a, err := f.receive(ctx, t, c, l, open)
		if err == nil || n == tries || t.hasStarted() || !remote.Temporary(err) {
			return a, err
		}
	}
}

// receive takes in one body.
func (f *Fetcher) receive(ctx context.Context, t *transfer, c candidate, l *lease, open *remote.Open) (*model.Artifact, error) {
	defer open.Body.Close()
	size := open.Size
	if c.Size != nil {
		size = *c.Size
		if open.Size >= 0 && open.Size != size {
			return nil, &wrong{fmt.Sprintf("it has %d bytes where %d were declared", open.Size, size)}
		}
	}
	store, err := f.Store.In(ctx, t.place.domain)
	if err != nil {
		return nil, &trouble{err}
	}
	in, err := store.Begin(ctx)
	if err != nil {
		return nil, &trouble{err}
	}
	defer func() { _ = in.Cancel() }() // the storage clears away what that leaves
	peek, err := in.Peek()
	if err == nil && peek == nil && c.streamed {
		err = errs.New(errs.Internal, "this storage cannot pass on what it does not keep; use the policy on_demand")
	}
	if err != nil {
		return nil, &trouble{err}
	}
	c.passing = c.passing && peek != nil // what cannot be passed on is stored: whoever is first has stored it
	t.begin(c, size, peek)
	if err := spool(in, open.Body, size, t.advance); err != nil {
		return nil, err
	}
	return f.accept(ctx, t, c, l, in.Finish())
}

// spool copies a body. It cuts off one that is longer than it may be.
func spool(to io.Writer, body io.Reader, size int64, advance func(written int64)) error {
	buffer, written := make([]byte, block), int64(0)
	for {
		n, err := body.Read(buffer)
		if size != unknown && written+int64(n) > size {
			return &wrong{fmt.Sprintf("it has more than the %d bytes that were declared", size)}
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return &trouble{err}
			}
			written += int64(n)
			advance(written)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// accept verifies what came and keeps it.
func (f *Fetcher) accept(ctx context.Context, t *transfer, c candidate, l *lease, received *artifact.Received) (*model.Artifact, error) {
	if c.Size != nil && received.Size != *c.Size {
		return nil, &wrong{fmt.Sprintf("it ends after %d bytes where %d were declared", received.Size, *c.Size)}
	}
	if promised := t.promised(); t.errand != nil && promised != unknown && received.Size != promised {
		return nil, &wrong{fmt.Sprintf("it ends after %d bytes where the upstream said %d", received.Size, promised)}
	}
	for a, digest := range c.digests {
		if received.Digests[a] != digest {
			return nil, &wrong{fmt.Sprintf("its %s is %s", a, received.Digests[a])}
		}
	}
	t.verify()
	if !c.kept() {
		f.mend(ctx, c)
		return &model.Artifact{Size: received.Size, SHA256: received.Digests[artifact.SHA256]}, nil
	}
	a, err := f.save(ctx, t, c, l, received)
	if err != nil {
		return nil, &trouble{err}
	}
	return a, nil
}

// save stores what was verified.
func (f *Fetcher) save(ctx context.Context, t *transfer, c candidate, l *lease, received *artifact.Received) (*model.Artifact, error) {
	if t.errand != nil {
		return f.keepPulled(ctx, t, c, l, received)
	}
	return f.keep(ctx, t.place, c, l, received)
}
