package content

import (
	"context"
	"testing"

	"github.com/packhouse/packhouse/core/serve"
)

// second is a finder that first tells what it remembers.
type second struct {
	first bool
	old   serve.Result
	offers
}

func (s *second) Resolve(ctx context.Context, domain, path string, q *serve.Request) (serve.Result, error) {
	if s.first {
		s.first = false
		return s.old, nil
	}
	return s.offers.Resolve(ctx, domain, path, q)
}

// TestAFileThatWasRememberedAndIsGoneIsLookedUpAgain, so that no client has to come a second time.
func TestAFileThatWasRememberedAndIsGoneIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	finder := &second{first: true}
	s := start(t, nil, func(o *Options) {
		finder.offers = o.Resolver.(offers)
		o.Resolver = finder
	})
	gone := *s.add("f", "the new one")
	gone.File = "artifact/that/was/removed"
	finder.old = s.offers["f"]
	finder.old.Found = &serve.Found{Artifact: &gone, Path: "f"}
	finder.old.Slot = &serve.Slot{}
	if a := s.ask("GET", prefix+"f", nil); a.StatusCode != 200 || string(a.body) != "the new one" {
		t.Errorf("%d %q", a.StatusCode, a.body)
	}
	finder.first, finder.old.Slot = true, nil
	if a := s.ask("GET", prefix+"f", nil); a.StatusCode != 500 {
		t.Errorf("one that was not remembered is %d", a.StatusCode)
	}
}
