package serve

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// sharedAnswer is the form of an answer that is shared; one of Found, Entries, AddSlash, Moved and Nothing is set.
type sharedAnswer struct {
	// At is when it was looked up.
	At           time.Time
	Stamp        string
	Distribution *model.Distribution
	Found        *Found   `json:",omitempty"`
	Entries      *[]Entry `json:",omitempty"`
	// Usage tells that the listing is one of a repository's own folder, where the kind has its say.
	Usage    bool   `json:",omitempty"`
	AddSlash bool   `json:",omitempty"`
	Moved    string `json:",omitempty"`
	// Nothing is why there is nothing under the path.
	Nothing string `json:",omitempty"`
}

// mostSharedListed is how many entries a listing may have to be shared.
const mostSharedListed = 300

// clocksApart is how far the clock of another process may be ahead of ours.
const clocksApart = time.Minute

// write gives the form of an answer; nil for one that is not shared.
func (s *sharing) write(known *answer) []byte {
	r := known.result
	form := sharedAnswer{At: s.now(), Stamp: known.stamp, Distribution: r.Distribution, Found: r.Found, Usage: r.Usage != nil, AddSlash: r.AddSlash, Moved: r.Moved}
	if r.Listing != nil {
		if len(r.Listing.Entries) > mostSharedListed {
			return nil
		}
		form.Entries = &r.Listing.Entries
	}
	if known.err != nil {
		form.Nothing = known.err.Error()
		if e, ok := errors.AsType[*errs.Error](known.err); ok {
			form.Nothing = e.Msg
		}
	}
	plain, err := json.Marshal(form)
	if err != nil {
		return nil // it is looked up by everybody then
	}
	return plain
}

// read gives the answer of a form; nil for one that is too old, or that this process would not give.
func (s *sharing) read(at address, plain []byte) *answer {
	var form sharedAnswer
	strict := json.NewDecoder(bytes.NewReader(plain))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&form); err != nil || strict.More() {
		return nil
	}
	age := s.now().Sub(form.At)
	if age > s.Life || age < -clocksApart || !form.fits(at) {
		return nil
	}
	kind, served := s.resolver.kinds[form.Distribution.PulpType]
	if !served || (kind.Finder != nil && !form.Distribution.Checkpoint) {
		return nil
	}
	return form.answer(kind)
}

func (f *sharedAnswer) answer(kind Kind) *answer {
	known := &answer{stamp: f.Stamp, result: Result{Distribution: f.Distribution, Found: f.Found, AddSlash: f.AddSlash, Moved: f.Moved}}
	if f.Nothing != "" {
		known.err = errs.New(errs.NotFound, "%s", f.Nothing)
	}
	if f.Entries != nil {
		known.result.Listing = &Listing{Entries: *f.Entries}
	}
	if f.Usage && f.Entries != nil {
		known.result.Usage = kind.Usage
	}
	return known
}

// fits tells whether it is one answer, to what was asked.
func (f *sharedAnswer) fits(at address) bool {
	d := f.Distribution
	if d == nil || d.ID == "" || d.BasePath == "" || d.DomainID != at.domain || f.Stamp == "" {
		return false
	}
	if at.path != d.BasePath && !strings.HasPrefix(at.path, d.BasePath+"/") {
		return false
	}
	set := 0
	for _, is := range []bool{f.Found != nil, f.Entries != nil, f.AddSlash, f.Moved != "", f.Nothing != ""} {
		if is {
			set++
		}
	}
	return set == 1 && CleanPath(f.Moved) && (f.Found == nil || f.Found.whole()) && (f.Entries == nil || len(*f.Entries) <= mostSharedListed)
}

// whole tells whether it is a stored file of which everything is known.
func (f *Found) whole() bool {
	a := f.Artifact
	if a == nil || f.Missing != nil || a.ID == "" || a.File == "" || a.Size < 0 || !CleanPath(f.Path) {
		return false
	}
	sum, err := hex.DecodeString(a.SHA256)
	return err == nil && len(sum) == 32
}
