// Package fs keeps blobs as files below one folder.
//
//	root/
//	  tmp/<random>      a blob being written; Clean removes what a killed process left
//	  upload/<key>      temporary blobs that grow in place (see storage.Patcher)
//	  <key>             every other blob, a file of mode 0640 in folders of mode 0750 (less the umask)
//
// A commit is durable when it returns: the file is synced, renamed, and its folder synced. All access goes through
// os.Root, so neither a key nor a symbolic link leads out of the folder.
package fs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

const (
	fileMode os.FileMode = 0o640
	dirMode  os.FileMode = 0o750
)

// Storage is a storage.Storage on a local or shared file system. Make one with New.
type Storage struct {
	dir  string
	root *os.Root
}

// New opens the storage in dir and makes the folder if it does not exist. Several processes may share one folder.
func New(dir string) (*Storage, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the storage folder %s: %w", dir, err)
	}
	if err := os.MkdirAll(filepath.Join(abs, storage.Reserved), dirMode); err != nil {
		return nil, errs.New(errs.Internal, "cannot make the storage folder %s; check its path and who may write there: %w", abs, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, errs.New(errs.Internal, "cannot open the storage folder %s; check who may read it: %w", abs, err)
	}
	return &Storage{dir: abs, root: root}, nil
}

// Close lets go of the folder. Readers that are open stay usable.
func (s *Storage) Close() error { return s.root.Close() }

// Open reads a part of a blob; see storage.Storage.
func (s *Storage) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := ready(ctx, key); err != nil {
		return nil, err
	}
	if err := storage.ValidSpan(offset, length); err != nil {
		return nil, err
	}
	file, err := s.root.Open(key)
	if err != nil {
		return nil, fault("open", key, err)
	}
	part, err := cut(file, key, offset, length)
	if err != nil {
		_ = file.Close() // read only: nothing can be lost, and the first error says more
		return nil, err
	}
	return part, nil
}

// Stat tells size and time of a blob.
func (s *Storage) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := ready(ctx, key); err != nil {
		return storage.Info{}, err
	}
	info, err := s.root.Stat(key)
	if err != nil {
		return storage.Info{}, fault("look at", key, err)
	}
	if !info.Mode().IsRegular() {
		return storage.Info{}, storage.Missing(key, nil)
	}
	return storage.Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// LocalPath gives the absolute path of a blob's file.
func (s *Storage) LocalPath(key string) (string, error) {
	if err := storage.ValidKey(key); err != nil {
		return "", err
	}
	// A path that is opened later, by other code, is not guarded by os.Root: hand out none that ends in a link.
	info, err := s.root.Lstat(key)
	if err != nil {
		return "", fault("find", key, err)
	}
	if !info.Mode().IsRegular() {
		return "", storage.Missing(key, nil)
	}
	return filepath.Join(s.dir, filepath.FromSlash(key)), nil
}

// cut gives the part of the file that was asked for. A part that reaches the end is the file itself, so that copying it
// to a connection needs no buffer.
func cut(file *os.File, key string, offset, length int64) (io.ReadCloser, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fault("look at", key, err)
	}
	if !info.Mode().IsRegular() {
		return nil, storage.Missing(key, nil)
	}
	n, err := storage.Span(key, info.Size(), offset, length)
	if err != nil {
		return nil, err
	}
	if offset+n < info.Size() {
		return section{io.NewSectionReader(file, offset, n), file}, nil
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, fault("read", key, err)
	}
	return file, nil
}

type section struct {
	io.Reader
	io.Closer
}

func ready(ctx context.Context, key string) error {
	if err := storage.ValidKey(key); err != nil {
		return err
	}
	return storage.Alive(ctx)
}

var (
	_ storage.Storage = (*Storage)(nil)
	_ storage.Local   = (*Storage)(nil)
)
