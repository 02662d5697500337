package gitsource

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestBareAndOddFolders(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.save("f", "text")
	want := map[string]string{"f": "text"}
	w.git("clone", "-q", "--bare", w.dir, "../bare.git")
	w.git("clone", "-q", "--bare", w.dir, "../with space.git")
	w.git("clone", "-q", "--shared", "--bare", w.dir, "../shared.git")
	w.git("worktree", "add", "-q", "../linked", "-b", "other")
	above := filepath.Dir(w.dir)
	for _, url := range []string{"file://" + above + "/bare.git", "file://localhost" + above + "/bare.git/", "file://" + above + "/with%20space.git"} {
		has(t, fetched(t, options(t, url, "")), want)
	}
	_ = refusedWith(t, options(t, "file://"+above+"/shared.git", ""), "borrows objects", "git repack")
	_ = refusedWith(t, options(t, "file://"+above+"/linked", ""), "linked work tree")
}

// Links do not lead out of the folders that may be read: neither to a repository, nor from inside one.
func TestLinksOutOfAllowedFolders(t *testing.T) {
	t.Parallel()
	secret := newWork(t)
	secret.save("f", "secret")
	allowed := t.TempDir()
	o := options(t, "file://"+allowed+"/link", "")
	o.Allowed = func(path string) error {
		if path != allowed && !strings.HasPrefix(path, allowed+"/") {
			return errs.New(errs.Forbidden, "%s is not allowed", path)
		}
		return nil
	}
	if err := os.Symlink(secret.dir, filepath.Join(allowed, "link")); err != nil {
		t.Fatal(err)
	}
	_ = refusedWith(t, o, secret.dir+" is not allowed")

	secret.git("clone", "-q", "--bare", secret.dir, allowed+"/mine.git")
	objects := filepath.Join(allowed, "mine.git", "objects")
	if err := os.RemoveAll(objects); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(secret.dir, ".git", "objects"), objects); err != nil {
		t.Fatal(err)
	}
	o.URL = "file://" + allowed + "/mine.git"
	_ = refusedWith(t, o)

	if err := os.Mkdir(filepath.Join(allowed, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(secret.dir, ".git"), filepath.Join(allowed, "work", ".git")); err != nil {
		t.Fatal(err)
	}
	o.URL = "file://" + allowed + "/work"
	_ = refusedWith(t, o)
}

func TestObjectsThatAreDamaged(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.save("d/f", noise(1, 4000))
	blob, tree := w.git("rev-parse", "HEAD:d/f"), w.git("rev-parse", "HEAD:d")
	object := func(hash string) string { return filepath.Join(w.dir, ".git", "objects", hash[:2], hash[2:]) }
	if err := os.Chmod(object(blob), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(object(blob), 1000); err != nil {
		t.Fatal(err)
	}
	tr := fetched(t, options(t, w.local(), ""))
	failed := false
	for f, err := range tr.Files(t.Context()) {
		if err == nil {
			_, err = f.Open(t.Context())
		}
		failed = err != nil && errs.Is(err, errs.Invalid) && strings.Contains(err.Error(), "git fsck")
	}
	if !failed {
		t.Error("a blob that is cut short was read")
	}
	if err := os.Remove(object(tree)); err != nil {
		t.Fatal(err)
	}
	_ = refusedWith(t, options(t, w.local(), ""), "lacks its object "+tree)
}
