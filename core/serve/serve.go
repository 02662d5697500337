// Package serve finds what a distribution offers under a path. It knows nothing of HTTP: the content server turns a
// Result into an answer, and so may any other machine.
//
// A look-up reads one snapshot of the database, so a client sees what was published before or after a change and never
// a mix of both. Its order is that of the content app of Pulp: guard, missing slash, the plugin's own finder, then the
// publication or version that the distribution points at.
package serve

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/packhouse/packhouse/core/model"
)

// Kind says how distributions of one type are served; a plugin declares one for each of its distribution types.
type Kind struct {
	// PulpType is the type of the distribution, such as "file.file".
	PulpType string
	// ServesPublications is set for types whose clients need metadata: without a publication they serve nothing.
	// Other types serve the content of a repository version as it is.
	ServesPublications bool
	// PathKeyed is the type of content whose repo_key is its relative path, empty for none. A kind may only name one
	// when no other type of content in its repositories offers paths; in return a look-up costs one step of an index
	// however many units ever had that path.
	PathKeyed string
	// Finder, when set, is asked before anything that is stored.
	Finder Finder
	// Usage, when set, tells people who see the listing of a repository what to do with it.
	Usage Usage
	// Artifacts serves the artifacts of the domain by their identity, and nothing else.
	Artifacts bool
	// PullThrough, when set, has distributions that name a remote ask it for what they do not have.
	PullThrough *PullThrough
}

// Finder looks for content that a plugin makes or knows by itself. The path is relative to the distribution and may
// end in a slash. An error of kind errs.NotFound lets the stored content answer.
type Finder func(ctx context.Context, d *model.Distribution, path string) (*Found, error)

// Gate decides between look-up and answer whether a client may have what was found: nil lets it through, any error
// is the answer. It is the place for release rules such as a minimum age.
type Gate func(ctx context.Context, d *model.Distribution, found *Found) error

// Found is a file that answers a request. One of Artifact and Missing is set.
type Found struct {
	// Artifact is the stored file.
	Artifact *model.Artifact
	// Missing says what is known of a file that has not been downloaded yet.
	Missing *Missing
	// Path is the path below the distribution, from which follow the media type and the name for saving.
	Path string
	// ContentID is the identity of the unit of content whose file it is; empty where it is of none, such as metadata.
	ContentID string
	// AddedAt is when the file appeared under this path.
	AddedAt time.Time
}

// Missing is a file of a unit of content that is not stored. Its remotes may be able to give it.
type Missing struct {
	ContentID string
	// RelativePath is that of the unit's file, which a publication may offer under another path.
	RelativePath string
	// Size is what the upstream declared, in bytes; nil where it did not.
	Size *int64
	// SHA256 is the digest that the upstream declared, in lower-case hex; empty where it did not.
	SHA256 string `gorm:"column:sha256"`
}

// Listing is the content of a folder, ordered bytewise with directories sorted as if their names ended in a slash.
type Listing struct {
	Entries []Entry
}

// Entry is one name in a folder.
type Entry struct {
	// Name has no slash, for directories either.
	Name string
	Dir  bool
	// Size is in bytes, as declared by the upstream for files that are not stored; nil for directories and where it is
	// not known.
	Size *int64
	// Modified is when the file appeared; zero for directories.
	Modified time.Time
	// SHA256 is in lower-case hex, as declared by the upstream for files that are not stored; empty for directories and
	// where it is not known.
	SHA256 string
}

// key is what entries are ordered by.
func (e Entry) key() string {
	if e.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// Result is the outcome of a look-up. Exactly one of Found, Listing, AddSlash, Moved and Pull is set.
type Result struct {
	// Distribution is the one that matched; nil for a folder above distributions.
	Distribution *model.Distribution
	Found        *Found
	Listing      *Listing
	// Usage is set with the listing of a repository's own folder, or of one of its checkpoints, where the kind has one.
	Usage Usage
	// AddSlash says that the path names a folder and has to end in a slash.
	AddSlash bool
	// Moved is the path, below the content prefix, that is to be asked for instead.
	Moved string
	// Pull says that the upstream of the distribution has to be asked.
	Pull *Pull
	// Slot is set when the result is remembered.
	Slot *Slot
	// Remembered tells that it was not looked up for this request.
	Remembered bool
}

// Slot is where whoever answers with a remembered result keeps what it has made of it, for as long as that is remembered.
type Slot struct {
	kept    atomic.Pointer[any]
	dropped atomic.Bool
	// gone, when set, is called once the result is dropped.
	gone func()
}

// Kept gives what Keep was given last; nil before.
func (s *Slot) Kept() any {
	if kept := s.kept.Load(); kept != nil {
		return *kept
	}
	return nil
}

// Keep keeps a value, which many may read at once.
func (s *Slot) Keep(value any) { s.kept.Store(&value) }

// Dropped tells whether it was dropped; a slot that is nil never is.
func (s *Slot) Dropped() bool { return s != nil && s.dropped.Load() }

// Drop has the result looked up anew: what it led to was not there.
func (s *Slot) Drop() {
	if !s.dropped.Swap(true) && s.gone != nil {
		s.gone()
	}
}

// Guarded tells whether a guard had to let the request through.
func (r Result) Guarded() bool {
	return r.Distribution != nil && r.Distribution.ContentGuardID != nil
}
