package gitsource

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// work is a work tree of a real git repository.
type work struct {
	t   *testing.T
	dir string
}

func newWork(t *testing.T, args ...string) *work {
	t.Helper()
	w := &work{t: t, dir: filepath.Join(t.TempDir(), "work")}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.git(append([]string{"init", "-q", "-b", "main"}, args...)...)
	return w
}

// git runs git and gives what it prints.
func (w *work) git(args ...string) string { return w.pipe("", args...) }

// pipe runs git with an input.
func (w *work) pipe(input string, args ...string) string {
	w.t.Helper()
	c := exec.CommandContext(w.t.Context(), "git", args...)
	c.Dir, c.Stdin, c.Env = w.dir, strings.NewReader(input), gitEnv()
	c.Stderr = w.t.Output()
	out, err := c.Output()
	if err != nil {
		w.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=advice.nestedTag", "GIT_CONFIG_VALUE_0=false", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
}

// write writes a file of the work tree.
func (w *work) write(path, content string) {
	w.t.Helper()
	name := filepath.Join(w.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// commit commits all that is there and gives the hash.
func (w *work) commit(message string) string {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// save writes one file and commits.
func (w *work) save(path, content string) string {
	w.t.Helper()
	w.write(path, content)
	return w.commit("save " + path)
}

// handler serves the folder above the work tree with git's own server; the repository is at /work.
func (w *work) handler() http.Handler {
	w.t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		w.t.Fatal(err)
	}
	return &cgi.Handler{Path: program, Args: []string{"http-backend"}, Dir: w.dir, Stderr: w.t.Output(),
		Env: append(gitEnv(), "GIT_PROJECT_ROOT="+filepath.Dir(w.dir), "GIT_HTTP_EXPORT_ALL=1")}
}

// serve gives the address of a git server with the repository; around wraps what answers.
func (w *work) serve(around func(http.Handler) http.Handler) string {
	w.t.Helper()
	handler := w.handler()
	if around != nil {
		handler = around(handler)
	}
	return listen(w.t, handler)
}

func listen(t *testing.T, handler http.Handler) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/work"
}

func (w *work) local() string { return "file://" + w.dir }

// options are those for an address.
func options(t *testing.T, url, ref string) Options {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return Options{HTTP: &http.Client{Transport: transport}, URL: url, Ref: ref, Dir: t.TempDir(), Allowed: func(string) error { return nil }}
}

// fetched reads a tree and checks that nothing is left of it in the end.
func fetched(t *testing.T, o Options) *Tree {
	t.Helper()
	tree, err := Fetch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
		empty(t, o.Dir)
	})
	return tree
}

// refusedWith wants an error that says all the words, and nothing left behind.
func refusedWith(t *testing.T, o Options, words ...string) error {
	t.Helper()
	tree, err := Fetch(t.Context(), o)
	if err == nil {
		_ = tree.Close()
		t.Fatal("Fetch gave a tree, want an error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error is %q, want %q in it", err, word)
		}
	}
	empty(t, o.Dir)
	return err
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the working folder holds %v, %v; want nothing", left, err)
	}
}

// contents reads all files of a tree.
func contents(t *testing.T, tree *Tree) map[string]string {
	t.Helper()
	all := map[string]string{}
	for f, err := range tree.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		text := slurp(t, f)
		if int64(len(text)) != f.Size {
			t.Errorf("%s has %d bytes, Size says %d", f.Path, len(text), f.Size)
		}
		all[f.Path] = text
	}
	return all
}

func slurp(t *testing.T, f File) string {
	t.Helper()
	body, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// has wants exactly these files.
func has(t *testing.T, tree *Tree, want map[string]string) {
	t.Helper()
	got := contents(t, tree)
	if !maps.Equal(got, want) {
		t.Errorf("the tree has %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
