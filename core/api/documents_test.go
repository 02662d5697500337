package api

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

func documented(t *testing.T) *Server {
	t.Helper()
	kinds := resource.NewRegistry()
	return New(Options{
		Env:      &resource.Env{Registry: kinds, Names: resource.Names{Root: "/pulp/", Content: "/pulp/content/", Kinds: kinds}},
		Versions: map[string]string{"core": "3.1", "file": "3.1"},
	})
}

// TestAFormIsWrittenOnce: two requests for one form get the very same bytes, whatever server they ask.
func TestAFormIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := documented(t)
	for _, asYAML := range []bool{false, true} {
		first, err := s.form(DocumentOptions{Server: "http://a"}, asYAML)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.form(DocumentOptions{Server: "http://b"}, asYAML)
		if err != nil || &first.before[0] != &second.before[0] || &first.after[0] != &second.after[0] {
			t.Errorf("the document was written again, %v", err)
		}
		text, err := second.at("http://b")
		if err != nil || strings.Contains(string(text), serverMark) || !strings.Contains(string(text), `"http://b"`) {
			t.Errorf("the document does not name its server: %v", err)
		}
	}
	if _, err := s.form(DocumentOptions{Components: []string{"nosuch"}}, false); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown component gives %v", err)
	}
	if n := len(s.documents.forms); n != 2 {
		t.Errorf("%d forms are kept, want 2", n)
	}
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	text, err := ToYAML([]byte(`{"b": "null", "a": [1, true, null, "1", "a: b", ""], "c": {}}`))
	want := "b: \"null\"\na:\n    - 1\n    - true\n    - null\n    - \"1\"\n    - 'a: b'\n    - \"\"\nc: {}\n"
	if err != nil || string(text) != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
}
