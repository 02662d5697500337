package file

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/publication"
)

func units(list []publication.Unit, fault error) iter.Seq2[publication.Unit, error] {
	return func(yield func(publication.Unit, error) bool) {
		for _, u := range list {
			if !yield(u, nil) {
				return
			}
		}
		if fault != nil {
			yield(publication.Unit{}, fault)
		}
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := writeManifest(&out, units([]publication.Unit{{RelativePath: "a/ä", SHA256: "00ff", Size: 0}, {RelativePath: "b", SHA256: "11", Size: 1 << 40}}, nil))
	if want := "a/ä,00ff,0\nb,11,1099511627776\n"; err != nil || out.String() != want {
		t.Errorf("%q, %v, want %q", out.String(), err, want)
	}
}

func TestAManifestIsWholeOrNone(t *testing.T) {
	t.Parallel()
	cause := errors.New("the database is away")
	if err := writeManifest(new(strings.Builder), units(nil, cause)); !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if err := writeManifest(broken{}, units([]publication.Unit{{RelativePath: "a", SHA256: "00"}}, nil)); !errors.Is(err, errFull) {
		t.Errorf("the error is %v", err)
	}
}

// A line without digest or size would be one that no reader understands.
func TestAManifestNeedsDigestsAndSizes(t *testing.T) {
	t.Parallel()
	for _, u := range []publication.Unit{{RelativePath: "a", Size: 1}, {RelativePath: "a", SHA256: "00", Size: -1}} {
		if err := writeManifest(new(strings.Builder), units([]publication.Unit{u}, nil)); err == nil || !strings.Contains(err.Error(), "a is not downloaded") {
			t.Errorf("%+v: %v", u, err)
		}
	}
}

// Who deleted the remote shall not look for a fault of the upstream.
func TestAManifestTellsThatTheRemoteIsGone(t *testing.T) {
	t.Parallel()
	err := writeManifest(new(strings.Builder), units([]publication.Unit{{RelativePath: "a", Size: -1, Gone: true}}, nil))
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "the remote that it came from is not there any more") {
		t.Error(err)
	}
}

var errFull = errors.New("full")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errFull }
