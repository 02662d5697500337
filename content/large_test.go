package content

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// TestFewLargeListingsAreMadeAtOnce: one more is refused, until one of them is done.
func TestFewLargeListingsAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	s := &Server{larges: make(chan struct{}, largeAtOnce)}
	var all []*exchange
	for range largeAtOnce {
		x := &exchange{Server: s}
		for range 3 { // a look-up may be done again
			if err := x.beLarge(); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, x)
	}
	late := &exchange{Server: s}
	if err := late.beLarge(); !errs.Is(err, errs.Unavailable) {
		t.Errorf("one more is told %v", err)
	}
	late.end(nil)
	all[0].end(nil)
	all[0].end(nil)
	if err := late.beLarge(); err != nil {
		t.Errorf("after one is done: %v", err)
	}
	if err := (&exchange{Server: s}).beLarge(); err == nil {
		t.Error("one that is done twice gives two places")
	}
}

// TestThePlaceIsForMakingTheText: it is given back before the client has taken the listing, whatever its form.
func TestThePlaceIsForMakingTheText(t *testing.T) {
	t.Parallel()
	long := &serve.Listing{Entries: []serve.Entry{{Name: strings.Repeat("n", longText)}}}
	for _, accept := range []string{"*/*", "application/json", "text/html,application/xhtml+xml"} {
		s := &Server{Options: Options{Prefix: "/"}, larges: make(chan struct{}, largeAtOnce), texts: &texts{}}
		app := fiber.New()
		app.Get("/", func(c *fiber.Ctx) error {
			x := s.begin(c)
			if err := x.beLarge(); err != nil {
				return err
			}
			err := x.list("", serve.Result{Listing: long})
			if len(s.larges) != 0 || s.texts.held < longText {
				t.Errorf("%s: after it is made %d places and %d bytes are taken", accept, len(s.larges), s.texts.held)
			}
			return err
		})
		request := httptest.NewRequest(fiber.MethodGet, "/", nil)
		request.Header.Set("Accept", accept)
		answer, err := app.Test(request, -1)
		if err != nil || answer.StatusCode != 200 || s.texts.held != 0 {
			t.Errorf("%s: %v, %v; in the end %d bytes are taken", accept, answer, err, s.texts.held)
		}
	}
}
