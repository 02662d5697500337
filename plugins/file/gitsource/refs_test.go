package gitsource

import (
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
)

// history is a repository with every kind of ref; the file "f" holds the name of its commit.
type history struct {
	*work
	first, second, side, old, lost string
	// blob is an object that only the first commit has.
	blob string
}

func newHistory(t *testing.T) *history {
	w := newWork(t)
	h := &history{work: w}
	h.first = w.save("f", "first")
	h.blob = w.git("rev-parse", "HEAD:f")
	w.git("tag", "light")
	w.git("tag", "-a", "-m", "x", "v1.0")
	w.git("tag", "-a", "-m", "x", "nested", "v1.0")
	w.git("switch", "-q", "-c", "feature/side")
	h.side = w.save("f", "side")
	w.git("switch", "-q", "-c", "forced")
	h.lost = w.save("f", "lost")
	w.git("reset", "-q", "--hard", "HEAD^")
	h.old = w.save("f", "old")
	w.save("f", "forced")
	w.git("switch", "-q", "main")
	h.second = w.save("f", "second")
	w.git("tag", "both", h.first)
	w.git("branch", "both", h.second)
	return h
}

func TestWhatARefNames(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	table := map[string]struct{ ref, want string }{
		"nothing":                {"", h.second},
		"HEAD":                   {"HEAD", h.second},
		"a branch":               {"main", h.second},
		"a branch with a slash":  {"feature/side", h.side},
		"a full name":            {"refs/heads/main", h.second},
		"a name without refs":    {"heads/main", h.second},
		"a tag":                  {"light", h.first},
		"an annotated tag":       {"v1.0", h.first},
		"a tag of a tag":         {"nested", h.first},
		"a tag by its full name": {"refs/tags/v1.0", h.first},
		"branch before tag":      {"both", h.second},
		"a listed commit":        {h.second, h.second},
		"a commit in capitals":   {strings.ToUpper(h.second), h.second},
		"a peeled tag":           {h.first, h.first},
		"a commit not listed":    {h.old, h.old},
		"a short commit":         {h.old[:9], h.old},
		"an even short commit":   {h.second[:8], h.second},
	}
	for server, url := range map[string]string{"http": h.serve(nil), "file": h.local(), "bare file": h.local() + "/.git"} {
		for name, row := range table {
			t.Run(server+"/"+name, func(t *testing.T) {
				t.Parallel()
				tree := fetched(t, options(t, url, row.ref))
				if tree.Commit != row.want {
					t.Errorf("%q is %s, want %s", row.ref, tree.Commit, row.want)
				}
				has(t, tree, map[string]string{"f": h.git("show", row.want+":f")})
			})
		}
	}
}

func TestRefsThatAreNotThere(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	blob := h.git("rev-parse", "HEAD:f")
	table := map[string]struct {
		ref   string
		words []string
	}{
		"one that is near":  {"mian", []string{`"mian"`, "did you mean main?"}},
		"part of one":       {"feature", []string{"did you mean feature/side"}},
		"another":           {"zzzzzz", []string{"it has both, feature/side, forced, light, main, …"}},
		"no commit":         {strings.Repeat("1", 40), []string{"no branch and no tag leads to a commit"}},
		"no short commit":   {"11111", []string{"no such branch, tag or commit"}},
		"control character": {"a\x1bb", []string{`"a\x1bb"`}},
		"a blob":            {blob, []string{"that is a blob, not a commit"}},
	}
	for server, url := range map[string]string{"http": h.serve(nil), "file": h.local()} {
		for name, row := range table {
			t.Run(server+"/"+name, func(t *testing.T) {
				t.Parallel()
				_ = refusedWith(t, options(t, url, row.ref), append(row.words, url)...)
			})
		}
		t.Run(server+"/a commit that was pushed away", func(t *testing.T) {
			t.Parallel()
			if server == "file" { // it is still there
				has(t, fetched(t, options(t, url, h.lost)), map[string]string{"f": "lost"})
				return
			}
			if err := refusedWith(t, options(t, url, h.lost), "no branch and no tag leads to a commit"); !errs.Is(err, errs.NotFound) {
				t.Errorf("the kind is %s", errs.KindOf(err))
			}
		})
	}
}

// Whatever can be asked for by name comes without history, and what a generous server gives by hash too.
func TestHistoryIsLeftThere(t *testing.T) {
	t.Parallel()
	thrifty, generous := newHistory(t), newHistory(t)
	generous.git("config", "uploadpack.allowAnySHA1InWant", "true")
	table := map[string]struct {
		h       *history
		ref     string
		history bool
	}{
		"a branch":                        {thrifty, "main", false},
		"a tag":                           {thrifty, "v1.0", true}, // it is the first commit itself
		"a commit, thrifty server":        {thrifty, thrifty.old, true},
		"a commit, generous server":       {generous, generous.old, false},
		"a pushed away one, generous":     {generous, generous.lost, false},
		"a short commit, generous server": {generous, generous.old[:10], true},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fetched(t, options(t, row.h.serve(nil), row.ref))
			if got := tree.repo.is(plumbing.BlobObject, plumbing.NewHash(row.h.blob)); got != row.history {
				t.Errorf("what only the first commit has is there: %v, want %v", got, row.history)
			}
		})
	}
}

func TestHeadElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("detached", func(t *testing.T) {
		t.Parallel()
		h := newHistory(t)
		h.git("checkout", "-q", "--detach", h.side)
		for _, url := range []string{h.serve(nil), h.local()} {
			has(t, fetched(t, options(t, url, "HEAD")), map[string]string{"f": "side"})
		}
	})
	t.Run("a branch that does not exist", func(t *testing.T) {
		t.Parallel()
		h := newHistory(t)
		h.git("symbolic-ref", "HEAD", "refs/heads/nowhere")
		for _, url := range []string{h.serve(nil), h.local()} {
			_ = refusedWith(t, options(t, url, ""), "HEAD of the repository names a branch that does not exist", "both")
		}
	})
	t.Run("nothing at all", func(t *testing.T) {
		t.Parallel()
		w := newWork(t)
		for _, url := range []string{w.serve(nil), w.local()} {
			_ = refusedWith(t, options(t, url, ""), "the repository is empty")
		}
	})
	t.Run("a commit without files", func(t *testing.T) {
		t.Parallel()
		w := newWork(t)
		w.commit("empty")
		for _, url := range []string{w.serve(nil), w.local()} {
			has(t, fetched(t, options(t, url, "")), map[string]string{})
		}
	})
	t.Run("packed refs", func(t *testing.T) {
		t.Parallel()
		h := newHistory(t)
		h.git("gc", "-q")
		has(t, fetched(t, options(t, h.local(), "feature/side")), map[string]string{"f": "side"})
	})
}

// A version is a commit: after a push with force the branch is another one.
func TestAPushWithForce(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	before := w.save("f", "before")
	url := w.serve(nil)
	if got := fetched(t, options(t, url, "main")).Commit; got != before {
		t.Errorf("main is %s, want %s", got, before)
	}
	w.write("f", "after")
	w.git("commit", "-q", "-a", "--amend", "-m", "other")
	tree := fetched(t, options(t, url, "main"))
	if tree.Commit == before {
		t.Error("main is still what it was")
	}
	has(t, tree, map[string]string{"f": "after"})
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"mian", "main", 2}, {"main", "main", 0}} {
		if got := distance(row.a, row.b); got != row.want || distance(row.b, row.a) != row.want {
			t.Errorf("distance(%q, %q) = %d, want %d", row.a, row.b, got, row.want)
		}
	}
}
