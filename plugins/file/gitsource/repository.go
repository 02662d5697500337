package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/packhouse/packhouse/core/errs"
)

// inMemory is up to which size, in bytes, an object is read into memory at once and kept in a cache.
const inMemory = 1 << 20

// repository is a folder of objects. It is safe for concurrent use.
type repository struct {
	dir string
	// temporary is a folder to remove at the end, "" for a repository of somebody else.
	temporary string

	mu      sync.Mutex
	objects *filesystem.Storage
}

// open opens a folder that has the layout of a bare repository. Links that lead out of it are not followed.
func open(dir, temporary string) *repository {
	return &repository{dir: dir, temporary: temporary, objects: filesystem.NewStorageWithOptions(
		osfs.New(dir, osfs.WithBoundOS()), cache.NewObjectLRU(32*cache.MiByte),
		filesystem.Options{KeepDescriptors: true, LargeObjectThreshold: inMemory})}
}

// store makes a repository of a pack.
func (s *source) store(ctx context.Context, r io.Reader) (*repository, error) {
	dir, err := os.MkdirTemp(s.Dir, "git-")
	if err != nil {
		return nil, diskFault(err)
	}
	if err := s.keep(ctx, r, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return open(dir, dir), nil
}

// keep writes pack and index into a folder.
func (s *source) keep(ctx context.Context, r io.Reader, dir string) error {
	packs := filepath.Join(dir, "objects", "pack")
	if err := os.MkdirAll(packs, 0o700); err != nil {
		return diskFault(err)
	}
	file, err := os.Create(filepath.Join(packs, "incoming")) // a folder of ours
	if err != nil {
		return diskFault(err)
	}
	p, err := readPack(ctx, r, file, s.limits)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	index, err := os.Create(filepath.Join(packs, fmt.Sprintf("pack-%s.idx", p.sum))) // a folder of ours
	if err != nil {
		return diskFault(err)
	}
	if err := errors.Join(p.writeIndex(index), index.Close(),
		os.Rename(file.Name(), filepath.Join(packs, fmt.Sprintf("pack-%s.pack", p.sum)))); err != nil {
		return diskFault(err)
	}
	return nil
}

// close gives up the files and removes what is temporary; the repository may be nil.
func (r *repository) close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.objects.Close()
	if r.temporary != "" {
		err = errors.Join(err, os.RemoveAll(r.temporary))
	}
	return err
}

// size gives the length of an object in bytes.
func (r *repository) size(hash plumbing.Hash) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size, err := r.objects.EncodedObjectSize(hash)
	return size, damaged(hash, err)
}

// open streams an object of a kind; what comes is as long as it says or ends in an error.
func (r *repository) open(kind plumbing.ObjectType, hash plumbing.Hash) (io.ReadCloser, plumbing.EncodedObject, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	object, err := r.objects.EncodedObject(kind, hash)
	if err != nil {
		return nil, nil, damaged(hash, err)
	}
	body, err := object.Reader()
	if err != nil {
		return nil, nil, damaged(hash, err)
	}
	return &exact{ReadCloser: body, hash: hash, left: object.Size()}, object, nil
}

// read gives an object of at most limit bytes.
func (r *repository) read(kind plumbing.ObjectType, hash plumbing.Hash, limit int64) ([]byte, plumbing.ObjectType, error) {
	body, object, err := r.open(kind, hash)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = body.Close() }() // it has been read to its end, or an error says so
	if object.Size() > limit {
		return nil, 0, errs.New(errs.TooLarge, "the %s %s has %d bytes; no more than %d are read", object.Type(), hash, object.Size(), limit)
	}
	data, err := io.ReadAll(body)
	return data, object.Type(), err
}

// exact ends with an error where an object is shorter or longer than it says.
type exact struct {
	io.ReadCloser
	hash plumbing.Hash
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.left -= int64(n)
	if err == nil && e.left >= 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) && e.left == 0 {
		return n, io.EOF
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("its length is not what it says")
	}
	return n, damaged(e.hash, err)
}

func damaged(hash plumbing.Hash, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return errs.New(errs.Invalid, "the repository lacks its object %s or it is of another kind than it should be; check it with git fsck", hash)
	}
	return errs.New(errs.Invalid, "the object %s of the repository cannot be read; check it with git fsck: %w", hash, err)
}
