// Package gitsource reads a git repository as a source of files: one commit, named by a branch, a tag or a hash, and
// the files of its tree.
//
// Repositories are reached with smart HTTP over the caller's client, so that its certificates, proxy, timeouts and
// egress policy hold, or opened in place for file:// URLs in folders that the caller allows. No git program is run.
//
//	tree, err := gitsource.Fetch(ctx, gitsource.Options{
//		HTTP: client.HTTP(), // of core/remote
//		URL:  row.URL, Ref: row.GitRef, Dir: folder,
//		Begin:   func(s gitsource.Stage) { … }, // a progress report for each stage
//		Skipped: func(path, reason string) { log.Warn("skipped", "path", path, "reason", reason) },
//	})
//	if err != nil {
//		return err
//	}
//	defer tree.Close()
//	for file, err := range tree.Files(ctx) {
//		if err != nil {
//			return err
//		}
//		body, err := file.Open(ctx) // for Git LFS this is the download, verified while it is read
//		…
//	}
//
// What stands in a tree becomes this:
//   - A file is a file; its executable bit means nothing here.
//   - A pointer of Git LFS is the file that it points to, from the LFS server of the repository. Where that has none,
//     the sync fails: a pointer is never passed off as the file.
//   - A symbolic link to a file of the same tree is a copy of that file. One that leaves the tree, points to a folder,
//     goes through another linked folder, runs in a circle or leads nowhere is skipped.
//   - A submodule is skipped; it belongs to another repository.
//   - A path that cannot be the path of a file here (control characters, a backslash, "#" at its beginning, white space
//     around it) fails the whole tree before any file is given out.
//
// Memory: objects stream from disk, save for those that are stored as a difference to another, which are put together
// in memory, one at a time while the pack is checked and up to 512 MiB each, which is also where git itself no longer
// stores differences. The pack on disk is as large as the upstream makes it.
package gitsource

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/packhouse/packhouse/core/errs"
)

// Stage is a step of Fetch, named by the code that progress reports give it (rest-contract, progress codes).
type Stage string

// The stages, in their order.
const (
	Cloning      Stage = "sync.git.cloning"
	ResolvingRef Stage = "sync.git.resolving_ref"
	ParsingTree  Stage = "sync.git.parsing_tree"
)

// Options say what to read and how.
type Options struct {
	// HTTP fetches: the client of the remote, which adds credentials and headers where they belong, also to requests to
	// the LFS server, and sees to redirects. Its timeout is for a whole clone. Nothing is tried again here.
	HTTP *http.Client
	// URL is http, https or file, without credentials.
	URL string
	// Ref is a branch, a tag, a full name such as refs/heads/main, a commit's hash or at least four digits of it, or
	// HEAD, also when empty. A branch goes before a tag of the same name.
	Ref string
	// Dir is a folder for the pack, such as the working folder of the task; Close removes what was put there.
	Dir string
	// Allowed tells whether a local folder may be read; nil refuses file://.
	Allowed func(path string) error
	// Begin is told of each stage; may be nil.
	Begin func(Stage)
	// Skipped is told of what Files leaves out; may be nil.
	Skipped func(path, reason string)
}

// Fetch gets the commit that a ref names and checks the paths of its tree. Of a branch or tag only that one commit is
// transferred; a bare hash that the server gives nobody by itself needs the whole repository. Errors name the URL
// and the ref; a scheme that is not served is PLP0009, an answer that is no success PLP0025, what fails on the way is
// explained by core/remote.
func Fetch(ctx context.Context, o Options) (*Tree, error) { return fetch(ctx, o, bounds()) }

func fetch(ctx context.Context, o Options, l limits) (*Tree, error) {
	s, err := newSource(o, l)
	if err != nil {
		return nil, err
	}
	repo, want, err := s.repository(ctx)
	if err != nil {
		return nil, s.told(ctx, err)
	}
	tree, err := s.tree(ctx, repo, want)
	if err != nil {
		return nil, s.told(ctx, errors.Join(err, repo.close()))
	}
	return tree, nil
}

// repository gets the objects, and what the ref names among them.
func (s *source) repository(ctx context.Context) (*repository, target, error) {
	s.begin(Cloning)
	if s.url.Scheme == "file" {
		return s.local()
	}
	return s.clone(ctx)
}

// tree finds the commit and checks its tree.
func (s *source) tree(ctx context.Context, repo *repository, want target) (*Tree, error) {
	s.begin(ResolvingRef)
	commit, root, err := repo.commit(want, s.limits)
	if err != nil {
		return nil, err
	}
	s.begin(ParsingTree)
	t := &Tree{Commit: commit.String(), source: s, repo: repo, root: root}
	if t.files, err = t.check(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// told adds URL and ref to an error and keeps what kind of error it is.
func (s *source) told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errs.New(errs.Canceled, "reading the git repository %s was stopped: %w", s.shown, context.Cause(ctx))
	}
	return about(err, fmt.Sprintf("cannot read %q of the git repository %s", s.ref(), s.shown))
}

// about says more of an error without changing its kind and code.
func about(err error, msg string) error {
	said := &errs.Error{Kind: errs.KindOf(err), Msg: msg, Err: err}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		said.Code = e.Code
	}
	return said
}
