package fs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// Stage begins a blob in a temporary file.
func (s *Storage) Stage(ctx context.Context) (storage.Staged, error) {
	if err := storage.Alive(ctx); err != nil {
		return nil, err
	}
	name := storage.Reserved + "/" + rand.Text()
	file, err := s.create(name)
	if err != nil {
		return nil, fault("begin", name, err)
	}
	return &staged{storage: s, name: name, file: file}, nil
}

// create makes a new temporary file, and the folder for it should somebody have removed that.
func (s *Storage) create(name string) (*os.File, error) {
	const flags = os.O_CREATE | os.O_EXCL | os.O_WRONLY
	file, err := s.root.OpenFile(name, flags, fileMode)
	if !errors.Is(err, os.ErrNotExist) {
		return file, err
	}
	if err := s.makeDir(storage.Reserved); err != nil {
		return nil, err
	}
	return s.root.OpenFile(name, flags, fileMode)
}

// staged is a blob in a temporary file.
type staged struct {
	storage *Storage
	name    string   // of the temporary file, below the root
	file    *os.File // nil once synced and closed
	size    int64
	broken  error // why the bytes cannot be trusted any more
	done    bool  // committed or canceled
}

func (b *staged) Write(p []byte) (int, error) {
	if err := b.usable(); err != nil {
		return 0, err
	}
	if b.file == nil {
		return 0, fmt.Errorf("write a blob after a commit was tried: %w", os.ErrClosed)
	}
	n, err := b.file.Write(p)
	b.size += int64(n)
	if err != nil {
		b.broken = fault("write", b.name, err)
		return n, b.broken
	}
	return n, nil
}

func (b *staged) Size() int64 { return b.size }

// Peek opens the file once more: neither its new name nor its end concerns those who have it open.
func (b *staged) Peek() (storage.Peeked, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	file, err := b.storage.root.Open(b.name)
	if err != nil {
		return nil, fault("read", b.name, err)
	}
	return file, nil
}

// Seal syncs the file, so that Commit has only to rename it.
func (b *staged) Seal(ctx context.Context) error {
	if err := storage.Alive(ctx); err != nil {
		return err
	}
	if err := b.usable(); err != nil {
		return err
	}
	return b.seal()
}

func (b *staged) Commit(ctx context.Context, key string) error {
	if err := b.rename(ctx, key); err != nil {
		return err
	}
	return fault("sync the folder of", key, b.storage.syncDir(path.Dir(key)))
}

// rename brings the synced file to its key. It is durable there once the folder is synced.
func (b *staged) rename(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	if err := b.usable(); err != nil {
		return err
	}
	if err := b.seal(); err != nil {
		return err
	}
	if err := b.storage.rename(ctx, b.name, key); err != nil {
		return err
	}
	b.done = true
	return nil
}

// Cancel needs no space: it works on a full disk.
func (b *staged) Cancel() error {
	if b.done {
		return nil
	}
	b.done = true
	if b.file != nil {
		_ = b.file.Close() // the bytes are thrown away, it does not matter whether they arrived
	}
	if err := b.storage.root.Remove(b.name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault("throw away", b.name, err)
	}
	return nil
}

func (b *staged) usable() error {
	if b.done {
		return fmt.Errorf("use a blob after it was committed or canceled: %w", os.ErrClosed)
	}
	return b.broken
}

// seal brings the bytes to the disk. A failed sync must not be tried again: the kernel may have dropped the pages, and
// the second sync would succeed without them.
func (b *staged) seal() error {
	if b.file == nil {
		return nil
	}
	if err := errors.Join(b.file.Sync(), b.file.Close()); err != nil {
		b.broken = fault("sync", b.name, err)
	}
	b.file = nil
	return b.broken
}

// gone is the error of a commit whose temporary file was taken away meanwhile, by Clean or by hand.
func gone(name string, cause error) error {
	return errs.New(errs.Unavailable, "the temporary file %s was removed while in use; send the content again: %w", name, cause)
}

var (
	_ storage.Sealer = (*staged)(nil)
	_ storage.Peeker = (*staged)(nil)
)
