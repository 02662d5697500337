package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestTheFragmentsHereAreWellFormed looks at the real folder, so that a wrong name does not wait for a release.
func TestTheFragmentsHereAreWellFormed(t *testing.T) {
	t.Parallel()
	if _, err := read(os.DirFS(".")); err != nil {
		t.Error(err)
	}
}

func TestReleaseJoinsAndRemovesTheFragments(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"README.md":                     "Not a fragment",
		"b.feature.operators.md":        "It starts faster.\n",
		"a.bugfix.rest-api.md":          "A long\nsentence.\n",
		"c.removal.rest-api.md":         "The field is gone.",
		"a-second.feature.operators.md": "It stops faster.",
	})
	day := time.Date(2027, 1, 2, 23, 0, 0, 0, time.UTC)
	if err := release(root, "0.1.0", day); err != nil {
		t.Fatal(err)
	}
	first := "## 0.1.0 (2027-01-02)\n\n### REST API\n\n#### Removals\n\n- The field is gone.\n\n#### Bug fixes\n\n- A long sentence.\n" +
		"\n### Operators\n\n#### Features\n\n- It stops faster.\n- It starts faster.\n"
	same(t, root, title+"\n"+first)
	if left, err := os.ReadDir(filepath.Join(root, "changes")); err != nil || len(left) != 1 || left[0].Name() != "README.md" {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	if err := release(root, "0.2.0", day); err == nil {
		t.Error("released without a fragment")
	}

	write(t, root, "d.feature.plugin-api.md", "More.")
	if err := release(root, "0.1.0", day); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("released one version twice: %v", err)
	}
	if err := release(root, "0.2.0", day); err != nil {
		t.Fatal(err)
	}
	same(t, root, title+"\n## 0.2.0 (2027-01-02)\n\n### Plugin API\n\n#### Features\n\n- More.\n\n"+first)
}

func TestAFaultChangesNothing(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"good.feature.operators.md": "Good.", "bad.feature.nobody.md": "Bad."})
	if err := release(root, "0.1.0", time.Time{}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "CHANGES.md")); err == nil {
		t.Error("the changelog was written")
	}
	if _, err := os.Stat(filepath.Join(root, "changes", "good.feature.operators.md")); err != nil {
		t.Error(err)
	}
	if err := release(folder(t, map[string]string{"good.feature.operators.md": "Good."}), "latest", time.Time{}); err == nil {
		t.Error("released something that is no version")
	}
}

func TestFragmentsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no-kind.md":                         "Text.",
		"a.feature.md":                       "Text.",
		"A.feature.operators.md":             "Text.",
		"a.b.feature.operators.md":           "Text.",
		"a.improvement.operators.md":         "Text.",
		"a.feature.everybody.md":             "Text.",
		"no-stop.feature.operators.md":       "Text",
		"empty.feature.operators.md":         "\n",
		"two-paragraphs.feature.rest-api.md": "One.\n\nTwo.",
	} {
		if _, err := read(fstest.MapFS{name: {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s was taken, or the error does not name it: %v", name, err)
		}
	}
}

// folder makes the top of a source tree with fragments.
func folder(t *testing.T, fragments map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "changes"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range fragments {
		write(t, root, name, text)
	}
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, "changes", name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, root, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(root, "CHANGES.md"))
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
