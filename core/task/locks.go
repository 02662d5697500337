package task

import (
	"slices"
	"strings"
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
