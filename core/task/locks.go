package task

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

// sharedMark precedes the shared entries in the record of a task's resources (rest-contract §4.2).
const sharedMark = "shared:"

// Locks name what a task reserves: PRNs or free strings. An exclusive entry excludes every other holder, a shared one
// only exclusive holders. Among conflicting tasks the order of dispatch is kept.
type Locks struct {
	Exclusive []string
	Shared    []string
}

// Exclusive reserves resources for the task alone.
func Exclusive(resources ...string) Locks { return Locks{Exclusive: resources} }

// Shared reserves resources that may be used by several tasks, but changed by none, meanwhile.
func Shared(resources ...string) Locks { return Locks{Shared: resources} }

// AndExclusive adds exclusive resources.
func (l Locks) AndExclusive(resources ...string) Locks {
	l.Exclusive = slices.Concat(l.Exclusive, resources)
	return l
}

// AndShared adds shared resources.
func (l Locks) AndShared(resources ...string) Locks {
	l.Shared = slices.Concat(l.Shared, resources)
	return l
}

// Normal drops empty entries and duplicates, in the order given; a resource in both lists stays exclusive.
func (l Locks) Normal() Locks {
	var out Locks
	seen := map[string]bool{"": true}
	for _, r := range l.Exclusive {
		if !seen[r] {
			seen[r] = true
			out.Exclusive = append(out.Exclusive, r)
		}
	}
	for _, r := range l.Shared {
		if !seen[r] {
			seen[r] = true
			out.Shared = append(out.Shared, r)
		}
	}
	return out
}

const (
	// maxResource is the longest name of a resource, in bytes.
	maxResource = 64 << 10
	// maxLockName is the longest name that is stored as it is, in bytes: an index on PostgreSQL takes no more than some
	// 2,700.
	maxLockName = 200
	// lockNameStart is how much of a longer name is kept for people, in bytes.
	lockNameStart = 150
	// digestMark stands before the digest of a longer name.
	digestMark = "…sha256:"
)

// Check refuses names that no database can store, or that the record of the task could not tell from others, with
// errs.Invalid.
func (l Locks) Check() error {
	for _, r := range slices.Concat(l.Exclusive, l.Shared) {
		switch {
		case len(r) > maxResource:
			return errs.New(errs.Invalid, "the name of a resource, %.40q…, has %d bytes; %d are allowed", r, len(r), maxResource)
		case !utf8.ValidString(r) || strings.ContainsRune(r, 0):
			return errs.New(errs.Invalid, "the name of a resource, %.40q, is no UTF-8 or holds the character U+0000", r)
		case strings.HasPrefix(r, sharedMark):
			return errs.New(errs.Invalid, "the name of a resource, %.40q, begins with %q; ask for a shared reservation instead", r, sharedMark)
		}
	}
	return nil
}

// LockName is the name of a resource as the rows of locks have it: itself, or the beginning and the digest of a longer
// one. A name that is one of those already stays as it is.
func LockName(resource string) string {
	if len(resource) <= maxLockName || isDigested(resource) {
		return resource
	}
	sum := sha256.Sum256([]byte(resource))
	return strings.ToValidUTF8(resource[:lockNameStart], "") + digestMark + hex.EncodeToString(sum[:])
}

// isDigested tells whether a name looks like what LockName makes of a longer one. Who reserves such a name by hand waits
// for those who have the longer one, and that is all.
func isDigested(name string) bool {
	at := len(name) - 2*sha256.Size - len(digestMark)
	return at > 0 && at <= lockNameStart && strings.HasPrefix(name[at:], digestMark)
}

// Record is the form that clients see: exclusive entries first, then the shared ones marked "shared:".
func (l Locks) Record() []string {
	out := slices.Clone(l.Exclusive)
	for _, r := range l.Shared {
		out = append(out, sharedMark+r)
	}
	return out
}

// LocksOf reads a record back.
func LocksOf(record []string) Locks {
	var out Locks
	for _, entry := range record {
		if r, shared := strings.CutPrefix(entry, sharedMark); shared {
			out.Shared = append(out.Shared, r)
		} else {
			out.Exclusive = append(out.Exclusive, entry)
		}
	}
	return out
}
