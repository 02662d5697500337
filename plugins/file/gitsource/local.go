package gitsource

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
)

// local opens a repository on this machine where it is.
func (s *source) local() (*repository, target, error) {
	dir, err := s.folder()
	if err != nil {
		return nil, target{}, err
	}
	repo := open(dir, "")
	want, err := s.localTarget(repo)
	if err != nil {
		return nil, target{}, errors.Join(err, repo.close())
	}
	return repo, want, nil
}

// folder finds the folder with the objects and makes sure that it, and all that it uses, may be read.
func (s *source) folder() (string, error) {
	if s.url.Host != "" && s.url.Host != "localhost" || !filepath.IsAbs(s.url.Path) {
		return "", errs.New(errs.Invalid, "%s is no absolute path on this machine; write file:///path", s.shown)
	}
	dir := filepath.Clean(s.url.Path)
	if err := s.allowed(dir); err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", notRepository(err)
	}
	if err := s.allowed(dir); err != nil {
		return "", err
	}
	if info, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
		if !info.IsDir() {
			return "", errs.New(errs.Invalid, "the folder has its objects elsewhere (it is a linked work tree or a submodule); name the folder of the repository itself")
		}
		dir = filepath.Join(dir, ".git")
	}
	return dir, whole(dir)
}

func (s *source) allowed(dir string) error {
	if s.Allowed == nil {
		return errs.New(errs.Forbidden, "file:// is not allowed here; use the https URL of the repository")
	}
	return s.Allowed(dir)
}

// whole makes sure that a folder is a repository that needs no other folder.
func whole(dir string) error {
	for _, name := range []string{"HEAD", "objects"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return notRepository(err)
		}
	}
	for name, what := range map[string]string{
		"objects/info/alternates": "it borrows objects from another repository; run git repack -a -d and remove the file objects/info/alternates",
		"commondir":               "it is a linked work tree; name the folder of the repository itself",
		"reftable":                "it keeps its refs as a reftable, which is not supported; run git refs migrate --ref-format=files",
	} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return errs.New(errs.Invalid, "the repository cannot be read: %s", what)
		}
	}
	return nil
}

func notRepository(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs.New(errs.NotFound, "there is no git repository in that folder; check the URL of the remote")
	case errors.Is(err, fs.ErrPermission):
		return errs.New(errs.Forbidden, "the server may not read that folder; give its user the right to")
	}
	return errs.New(errs.Invalid, "the folder cannot be opened: %w", err)
}

// localTarget resolves the ref.
func (s *source) localTarget(repo *repository) (target, error) {
	config, err := repo.objects.Config()
	if err != nil {
		return target{}, errs.New(errs.Invalid, "the configuration of the repository cannot be read: %w", err)
	}
	if format := config.Raw.Section("extensions").Option("objectformat"); format != "" && format != "sha1" {
		return target{}, errs.New(errs.Invalid, "the repository names its objects by %s, which is not supported; use one that uses SHA-1", clean(format))
	}
	found := refs{named: map[string]plumbing.Hash{}}
	symbolic := map[string]string{}
	iter, err := repo.objects.IterReferences()
	if err != nil {
		return target{}, errs.New(errs.Invalid, "the refs of the repository cannot be read: %w", err)
	}
	if err := iter.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.SymbolicReference {
			symbolic[r.Name().String()] = r.Target().String()
		} else {
			found.named[r.Name().String()] = r.Hash()
		}
		return nil
	}); err != nil {
		return target{}, errs.New(errs.Invalid, "the refs of the repository cannot be read: %w", err)
	}
	for name, to := range symbolic {
		if hash, ok := found.named[to]; ok {
			found.named[name] = hash
		}
	}
	found.head = found.named["HEAD"]
	delete(found.named, "HEAD")
	return found.resolve(s.ref())
}
