package remote

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
)

// Download fetches a whole file into the store, hashed on the way and verified, and tries again when that can help; a
// file that is not the one wanted is fetched once more, since it may have been changed in that moment. What it gives is
// not visible until it is saved; the caller cancels it otherwise. It ends as soon as ctx does.
func (c *Client) Download(ctx context.Context, store *artifact.Store, want Want) (received *artifact.Received, err error) {
	for _, algorithm := range slices.Sorted(maps.Keys(want.Digests)) {
		if !slices.Contains(store.Algorithms, algorithm) {
			return nil, errs.Coded(errs.Invalid, "PLP0020", "%s: the upstream gives a %s, which is not among the checksums that this server allows (setting allowed_content_checksums)",
				Clean(want.URL), algorithm)
		}
	}
	err = c.retrying(ctx, want.URL, func() error {
		received, err = c.receive(ctx, store, want)
		return err
	})
	if err != nil {
		return nil, err
	}
	// By now the connection is free for the next download: it need not wait for the disk.
	if err := received.Seal(ctx); err != nil {
		return nil, errors.Join(err, received.Cancel())
	}
	return received, nil
}

// receive downloads once.
func (c *Client) receive(ctx context.Context, store *artifact.Store, want Want) (*artifact.Received, error) {
	open, err := c.attempt(ctx, "GET", want.URL, nil, nil)
	if err != nil {
		return nil, err
	}
	defer open.Body.Close()
	body := &measured{r: open.Body, want: want}
	if want.Size != nil && open.Size >= 0 && open.Size != *want.Size {
		return nil, body.mismatch(open.Size)
	}
	received, err := store.Take(ctx, body)
	switch {
	case body.err != nil:
		return nil, body.err // told apart from an error of the store, which trying again does not mend
	case err != nil && ctx.Err() != nil:
		return nil, explain(ctx, want.URL, err)
	case err != nil:
		return nil, err
	}
	if err := verify(received, want); err != nil {
		return nil, errors.Join(err, received.Cancel())
	}
	return received, nil
}

// verify compares what came with what was wanted.
func verify(received *artifact.Received, want Want) error {
	if want.Size != nil && received.Size != *want.Size {
		return (&measured{want: want}).mismatch(received.Size)
	}
	for _, algorithm := range slices.Sorted(maps.Keys(want.Digests)) {
		if got := received.Digests[algorithm]; got != want.Digests[algorithm] {
			f := refusal(errs.Invalid, "PLP0003", "%s: the %s of what the upstream sent is %s where %s was expected; refresh the metadata of the upstream, or ask its owner",
				Clean(want.URL), algorithm, got, want.Digests[algorithm])
			f.again = once
			return f
		}
	}
	return nil
}

// measured is a body that is cut off as soon as it is longer than it may be.
type measured struct {
	r    io.Reader
	want Want
	size int64
	err  error
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.size += int64(n)
	if m.want.Size != nil && m.size > *m.want.Size {
		n, err = 0, m.mismatch(-1)
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// mismatch is the fault of a wrong size; -1 is more than was wanted.
func (m *measured) mismatch(size int64) *fault {
	shown := Clean(m.want.URL)
	f := refusal(errs.Invalid, "PLP0004", "%s: the upstream sends %d bytes where %d were expected; refresh the metadata of the upstream, or ask its owner", shown, size, *m.want.Size)
	if size < 0 {
		f = refusal(errs.Invalid, "PLP0004", "%s: the upstream sends more than the %d bytes that were expected; refresh the metadata of the upstream, or ask its owner", shown, *m.want.Size)
	}
	f.again = once
	return f
}

var _ io.Reader = (*measured)(nil)
