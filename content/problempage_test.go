package content

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

func TestErrorsForPeople(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	for path, c := range map[string]struct {
		status int
		reason string
	}{
		"none": {404, "there is nothing under this path"}, "guarded": {403, "the guard says no"}, "away": {503, "the database is away"},
		"foreign": {500, "its log says why"}, "panic": {500, "its log says why"},
	} {
		d := s.visit(prefix+path, c.status)
		targets, _ := d.links("main")
		if !d.has(c.reason) || !d.has(fmt.Sprint(c.status)) || d.has("secret detail") || !slices.Equal(targets, []string{prefix}) {
			t.Errorf("%s shows %q, %q", path, text(d.root), targets)
		}
		plain := s.ask("GET", prefix+path, headers{"Accept": "*/*"})
		if !strings.HasPrefix(plain.Header.Get("Content-Type"), "text/plain") || strings.Contains(string(plain.body), "<") || !strings.Contains(string(plain.body), c.reason) {
			t.Errorf("%s is for programs %v %q", path, plain.Header, plain.body)
		}
	}
	if d := s.visit("/elsewhere", 404); !d.has("content is served under") {
		t.Errorf("outside is %q", text(d.root))
	}
}

// TestErrorsAboveDomains: nothing is listed there, so nothing is to be seen.
func TestErrorsAboveDomains(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(o *Options) {
		o.FindDomain = func(_ context.Context, name string) (*model.Domain, error) {
			if name != "one" {
				return nil, errs.New(errs.NotFound, "no such domain")
			}
			return &model.Domain{ID: ident.DefaultDomain, Name: "one"}, nil
		}
	})
	s.offers["dir/"] = serve.Result{Listing: someListing()}
	if targets, _ := s.visit(prefix+"two/x", 404).links("main"); len(targets) != 0 {
		t.Errorf("an unknown domain leads to %q", targets)
	}
	if targets, _ := s.visit(prefix+"one/x", 404).links("main"); !slices.Equal(targets, []string{prefix + "one/"}) {
		t.Errorf("a domain leads to %q", targets)
	}
	if targets, texts := s.visit(prefix+"one/dir/", 200).links("h1"); !slices.Equal(targets, []string{prefix + "one/"}) || !slices.Equal(texts, []string{"pulp/content/one"}) {
		t.Errorf("the way is %q, %q", targets, texts)
	}
}
