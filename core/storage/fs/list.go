package fs

import (
	"context"
	"errors"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/storage"
)

// List walks the blobs in key order; it holds one folder's names per level in memory.
func (s *Storage) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := storage.ValidPrefix(prefix); err != nil {
			yield(storage.Info{}, err)
			return
		}
		w := &walk{ctx: ctx, root: s.root, prefix: prefix, yield: yield}
		w.folder(path.Dir(prefix + "x"))
	}
}

type walk struct {
	ctx    context.Context
	root   *os.Root
	prefix string
	yield  func(storage.Info, error) bool
}

// folder yields what is in dir; false means stop.
func (w *walk) folder(dir string) bool {
	entries, err := w.read(dir)
	if err != nil {
		w.yield(storage.Info{}, err)
		return false
	}
	for _, name := range entries {
		if !w.entry(path.Join(dir, name), strings.HasSuffix(name, "/")) {
			return false
		}
	}
	return true
}

// read gives the names in a folder in key order: a folder's name ends in a slash and sorts with it, so that "a-b" comes
// before "a/b". A folder that is gone is empty; links and devices are not ours.
func (w *walk) read(dir string) ([]string, error) {
	if err := storage.Alive(w.ctx); err != nil {
		return nil, err
	}
	file, err := w.root.Open(dir)
	if err != nil {
		if nothingThere(err) {
			return nil, nil
		}
		return nil, fault("list", dir, err)
	}
	defer file.Close()
	entries, err := file.ReadDir(-1)
	if err != nil && !nothingThere(err) {
		return nil, fault("list", dir, err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		switch name := entry.Name(); {
		case entry.IsDir() && !(dir == "." && foreign(name)):
			names = append(names, name+"/")
		case entry.Type().IsRegular():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// foreign names the folders at the top that hold no blobs: half-written ones, and what the file system saved for root.
func foreign(name string) bool { return name == storage.Reserved || name == "lost+found" }

func (w *walk) entry(name string, isDir bool) bool {
	if isDir {
		below := name + "/"
		return !strings.HasPrefix(below, w.prefix) && !strings.HasPrefix(w.prefix, below) || w.folder(name)
	}
	if !strings.HasPrefix(name, w.prefix) || storage.ValidKey(name) != nil {
		return true
	}
	info, err := w.root.Lstat(name)
	if errors.Is(err, os.ErrNotExist) {
		return true // deleted since the folder was read
	}
	if err != nil {
		w.yield(storage.Info{}, fault("list", name, err))
		return false
	}
	return w.yield(storage.Info{Key: name, Size: info.Size(), ModTime: info.ModTime()}, nil)
}
