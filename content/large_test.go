package content

import (
	"testing"

	"github.com/packhouse/packhouse/core/errs"
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
