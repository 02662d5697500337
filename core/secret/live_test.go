package secret_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
	"pgregory.net/rapid"
)

// keyFile writes a file with these keys, after a comment.
func keyFile(t testing.TB, keys ...[]byte) string {
	t.Helper()
	text := "# first\n"
	for _, k := range keys {
		text += base64.StdEncoding.EncodeToString(k) + "\n\n# more\n"
	}
	path := filepath.Join(t.TempDir(), "database.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, path string) *secret.Box {
	t.Helper()
	b, err := secret.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestARunningProcessFollowsTheFile plays a rotation by one process beside another that is never told.
func TestARunningProcessFollowsTheFile(t *testing.T) {
	t.Parallel()
	path := keyFile(t, key(1))
	running := load(t, path)
	old := running.IDs()[0]
	before, err := running.Seal("p", []byte("s"))
	must(t, err)

	added, err := secret.Add(path)
	must(t, err)
	must(t, secret.Promote(path, added))
	operator := load(t, path)
	if got := operator.IDs(); !slices.Equal(got, []string{added, old}) {
		t.Fatalf("the keys are %v", got)
	}
	again, err := operator.Reseal("p", before)
	must(t, err)
	if plain, err := running.Open("p", again); err != nil || string(plain) != "s" {
		t.Fatalf("the running process does not learn of the key: %q %v", plain, err)
	}
	sealed, err := running.Seal("p", []byte("t"))
	must(t, err)
	if id, ok := secret.SealedBy(sealed[:secret.HeaderSize]); !ok || id != added {
		t.Fatalf("the running process seals with %s, not with the promoted key", id)
	}
	must(t, secret.Remove(path, old))
	must(t, running.Reload())
	if _, err := running.Open("p", before); !errors.Is(err, secret.ErrUnknownKey) {
		t.Fatalf("the removed key still opens: %v", err)
	}
	must(t, os.WriteFile(path, []byte("not a key\n"), 0o600))
	if err := running.Reload(); err == nil || strings.Contains(err.Error(), "not a key") {
		t.Errorf("a broken file: %v", err)
	}
	if _, err := running.Open("p", again); err != nil {
		t.Errorf("a broken file took the keys away: %v", err)
	}
	if err := box(t, key(1)).Reload(); err != nil {
		t.Errorf("keys without a file: %v", err)
	}
}

func TestSealedByTellsSealedBytesOnly(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"", "\x01short", "\x02123456789"} {
		if id, ok := secret.SealedBy([]byte(given)); ok || id != "" {
			t.Errorf("%q is sealed by %q", given, id)
		}
	}
	if _, err := (secret.Box{}).Header(); err == nil || (secret.Box{}).IDs() != nil {
		t.Error("a Box without keys has some")
	}
}

// TestEditsOfTheFile makes random edits and compares the order of the keys with a list.
func TestEditsOfTheFile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		path := keyFile(t, key(1))
		must(t, os.Chmod(path, 0o640))
		want := load(t, path).IDs()
		for range rapid.IntRange(1, 8).Draw(rt, "edits") {
			at := rapid.IntRange(0, len(want)-1).Draw(rt, "at")
			switch rapid.SampledFrom([]string{"add", "promote", "remove", "unsure"}).Draw(rt, "edit") {
			case "add":
				id, err := secret.Add(path)
				must(t, err)
				want = append(want, id)
			case "promote":
				must(t, secret.Promote(path, want[at]))
				id := want[at]
				want = append([]string{id}, slices.Delete(want, at, at+1)...)
			case "remove":
				err := secret.RemoveIf(path, want[at], func() error { return nil })
				if refused := errs.Is(err, errs.Conflict); refused != (at == 0) || err != nil && !refused {
					rt.Fatalf("remove number %d: %v", at, err)
				} else if !refused {
					want = slices.Delete(want, at, at+1)
				}
			case "unsure":
				doubt := errors.New("doubt")
				if err := secret.RemoveIf(path, want[at], func() error { return doubt }); at > 0 && !errors.Is(err, doubt) {
					rt.Fatalf("the doubt is not told: %v", err)
				}
			}
			if got := load(t, path).IDs(); !slices.Equal(got, want) {
				rt.Fatalf("the keys are %v, want %v", got, want)
			}
		}
		text, err := os.ReadFile(path)
		must(t, err)
		info, err := os.Stat(path)
		must(t, err)
		if !strings.HasPrefix(string(text), "# first\n") || strings.Count(string(text), "# more") != 1 || info.Mode().Perm() != 0o640 {
			rt.Fatalf("comments or the mode %v were changed:\n%s", info.Mode(), text)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
			rt.Fatalf("left behind: %v", left)
		}
	})
}

func TestEditsRefuse(t *testing.T) {
	t.Parallel()
	path := keyFile(t, key(1))
	for name, err := range map[string]error{
		"unknown":  secret.Promote(path, "0123456789abcdef"),
		"empty id": secret.Remove(path, ""),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(path, link))
	if _, err := secret.Add(link); !errs.Is(err, errs.Invalid) {
		t.Errorf("a link was replaced: %v", err)
	}
	must(t, os.Chmod(path, 0o644))
	if _, err := secret.Add(path); !errs.Is(err, errs.Invalid) {
		t.Errorf("a file that everybody reads was changed: %v", err)
	}
	if _, err := secret.Add(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was changed")
	}
}

func TestEditorsTakeTurns(t *testing.T) {
	t.Parallel()
	path := keyFile(t, key(1))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := secret.Add(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(load(t, path).IDs()); n != 17 {
		t.Errorf("%d keys, want 17: an editor has undone another's work", n)
	}
}
