package storage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/packhouse/packhouse/core/errs"
)

// Put stores all of r under key and returns the number of bytes. When r fails, nothing is stored.
func Put(ctx context.Context, s Storage, key string, r io.Reader) (n int64, err error) {
	if err := ValidKey(key); err != nil {
		return 0, err
	}
	staged, err := s.Stage(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, staged.Cancel()) }()
	if n, err = io.Copy(staged, Reader(ctx, r)); err != nil {
		return n, fmt.Errorf("store %s: %w", key, err)
	}
	return n, staged.Commit(ctx, key)
}

// Reader reads from r until ctx ends; after that it fails with errs.Canceled.
func Reader(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx: ctx, r: r} }

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := Alive(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Alive is nil while ctx lives and errs.Canceled after it ended.
func Alive(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return errs.New(errs.Canceled, "the work on the storage was given up before it was done; start it again: %w", context.Cause(ctx))
}
