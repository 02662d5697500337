package gitsource

import (
	"context"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// Tree is the tree of one commit. It is safe for concurrent use until it is closed.
type Tree struct {
	// Commit is the full hash of the commit.
	Commit string

	source *source
	repo   *repository
	root   plumbing.Hash
	files  int
}

// Len is how many files the tree has at most: links are counted that Files may have to skip.
func (t *Tree) Len() int { return t.files }

// Close gives the repository up and removes it from the working folder. No file can be opened after that.
func (t *Tree) Close() error { return t.repo.close() }

// File is a file of a tree.
type File struct {
	// Path is relative to the root of the tree and always one that can be served, see serve.CleanPath.
	Path string
	// Size is in bytes, of the file itself also when it is in Git LFS.
	Size int64
	// LFS is what the pointer says, nil for a file that is in the repository. Open verifies it.
	LFS *Pointer

	open func(ctx context.Context) (io.ReadCloser, error)
}

// Open begins to read the file; the caller closes it. Files may be read side by side. A file in Git LFS is downloaded by
// this, and an error at its end says when it is not what its pointer says (PLP0003, PLP0004).
func (f File) Open(ctx context.Context) (io.ReadCloser, error) { return f.open(ctx) }

// errDone stops a walk that nobody wants more of.
var errDone = errors.New("done")

// Files gives the files, in no order that may be relied on, and the error that ended the walk, if any, at the end.
// Pointers of Git LFS are resolved a hundred at a time when the walk comes to them; the addresses that LFS servers give
// out hold for a while only, so files are to be opened as they come.
func (t *Tree) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		give := func(files []File) error {
			for _, f := range files {
				if !yield(f, nil) {
					return errDone
				}
			}
			return nil
		}
		pending := &batch{source: t.source, repo: t.repo}
		err := t.walk(ctx, func(path string, e entry) error {
			f, ok, err := t.file(path, e)
			if err != nil || !ok {
				return err
			}
			if f.LFS == nil {
				return give([]File{f})
			}
			ready, err := pending.add(ctx, f)
			if err != nil {
				return err
			}
			return give(ready)
		})
		if err == nil {
			var ready []File
			if ready, err = pending.flush(ctx); err == nil {
				err = give(ready)
			}
		}
		if err != nil && !errors.Is(err, errDone) {
			yield(File{}, t.source.told(ctx, err))
		}
	}
}

// walk visits all entries of the tree but folders, in the order of git.
func (t *Tree) walk(ctx context.Context, visit func(path string, e entry) error) error {
	left := t.source.limits.entries
	return t.folder(ctx, t.root, "", 0, &left, visit)
}

func (t *Tree) folder(ctx context.Context, tree plumbing.Hash, under string, depth int, left *int, visit func(path string, e entry) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > t.source.limits.depth {
		return errs.New(errs.TooLarge, "the tree has folders more than %d deep", t.source.limits.depth)
	}
	entries, err := t.repo.entries(tree, t.source.limits)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if *left--; *left < 0 {
			return errs.New(errs.TooLarge, "the tree has more than %d files and folders", t.source.limits.entries)
		}
		at := under + e.name
		if e.mode == folder {
			err = t.folder(ctx, e.hash, at+"/", depth+1, left, visit)
		} else {
			err = visit(at, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// servable tells whether a path can be served, and be a line of a manifest.
func servable(path string) bool {
	return serve.CleanPath(path) && path != "" && !strings.HasPrefix(path, "#") && strings.TrimSpace(path) == path
}

// check looks at all paths and counts the files.
func (t *Tree) check(ctx context.Context) (files int, err error) {
	var unfit []string
	count := 0
	err = t.walk(ctx, func(path string, e entry) error {
		switch {
		case e.mode == submodule:
			return nil
		case e.mode != file && e.mode != link:
			return errs.New(errs.Invalid, "%q is neither file nor folder nor link (mode %o); check the repository with git fsck", clean(path), e.mode)
		case !servable(path):
			if count++; len(unfit) < 5 {
				unfit = append(unfit, clean(path))
			}
		}
		files++
		return ctx.Err()
	})
	if err == nil && count > 0 {
		err = errs.New(errs.Invalid, "%d paths of the tree hold characters that no path here can have, begin with # or begin or end in white space: %q; rename them in the repository", count, unfit)
	}
	return files, err
}

// file makes a file of an entry; false is for one that is skipped.
func (t *Tree) file(at string, e entry) (File, bool, error) {
	switch e.mode {
	case submodule:
		t.source.skip(at, "it is a submodule, which belongs to another repository")
		return File{}, false, nil
	case link:
		to, reason, err := t.follow(at, e)
		if err != nil || reason != "" {
			if err == nil {
				t.source.skip(at, reason)
			}
			return File{}, false, err
		}
		e = to
	}
	size, err := t.repo.size(e.hash)
	if err != nil {
		return File{}, false, err
	}
	f := File{Path: at, Size: size, open: func(context.Context) (io.ReadCloser, error) {
		body, _, err := t.repo.open(plumbing.BlobObject, e.hash)
		return body, err
	}}
	if size < pointerSize {
		err = t.point(&f, e.hash)
	}
	return f, true, err
}

// point looks whether a small file is a pointer of Git LFS.
func (t *Tree) point(f *File, hash plumbing.Hash) error {
	data, _, err := t.repo.read(plumbing.BlobObject, hash, pointerSize)
	if err != nil {
		return err
	}
	p, is, err := ParsePointer(data)
	if err != nil {
		return errs.New(errs.Invalid, "%s looks like a pointer of Git LFS but is none: %w; commit the file anew", f.Path, err)
	}
	if is {
		f.LFS, f.Size = &p, p.Size
	}
	return nil
}

// follow gives the file that a link leads to, or the reason why it leads to none.
func (t *Tree) follow(at string, e entry) (to entry, reason string, err error) {
	for range 8 {
		if size, err := t.repo.size(e.hash); err != nil || size > 4096 {
			return to, "it is a link without a path", err
		}
		data, _, err := t.repo.read(plumbing.BlobObject, e.hash, 4096)
		if err != nil {
			return to, "", err
		}
		target := string(data)
		at = path.Join(path.Dir(at), target)
		if path.IsAbs(target) || at == ".." || strings.HasPrefix(at, "../") {
			return to, "it is a link that leaves the tree", nil
		}
		found, err := t.lookup(at)
		switch {
		case err != nil:
			return to, "", err
		case found == nil:
			return to, "it is a link that leads to no file of the tree", nil
		case found.mode == file:
			return *found, "", nil
		case found.mode != link:
			return to, "it is a link to a folder", nil
		}
		e = *found
	}
	return to, "it is a link that runs in a circle", nil
}

// lookup finds an entry by its path, nil for none. Links on the way are not followed.
func (t *Tree) lookup(at string) (*entry, error) {
	found := &entry{mode: folder, hash: t.root}
	if at == "." {
		return found, nil
	}
	for name := range strings.SplitSeq(at, "/") {
		if found.mode != folder {
			return nil, nil // nothing is there, and that is no error
		}
		entries, err := t.repo.entries(found.hash, t.source.limits)
		if err != nil {
			return nil, err
		}
		found = nil
		for i := range entries {
			if entries[i].name == name {
				found = &entries[i]
			}
		}
		if found == nil {
			return nil, nil // nothing is there, and that is no error
		}
	}
	return found, nil
}
