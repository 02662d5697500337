package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/task"
)

// span is the use of one resource by one task, from its first mark to its last.
type span struct {
	task        *task.Row
	exclusive   bool
	first, last int64
	// committed is the moment after which the dispatch was committed for certain; zero is unknown.
	committed time.Time
}

// spans gives the uses of all resources, each in the order of their beginnings.
func (r *record) spans() map[string][]*span {
	type use struct{ task, resource string }
	rows, found, out := r.byID(), map[use]*span{}, map[string][]*span{}
	for _, m := range r.marks {
		row := rows[m.TaskID]
		if row == nil {
			continue // told by checkDispatches
		}
		key := use{m.TaskID, m.Resource}
		s := found[key]
		if s == nil {
			s = &span{task: row, exclusive: m.Exclusive, first: m.ID, committed: r.notes.committed[m.TaskID]}
			found[key] = s
			out[m.Resource] = append(out[m.Resource], s)
		}
		s.first, s.last = min(s.first, m.ID), max(s.last, m.ID)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b *span) int { return cmp.Compare(a.first, b.first) })
	}
	return out
}

// checkConflicts: of two tasks in conflict one has ended before the other begins, and the one that was dispatched first
// goes first. Which was first is certain when it has the lower number and was committed before the other became ready:
// a number is given before the commit, so a lower one may come to light when a higher one has begun.
func (r *record) checkConflicts() (out []string) {
	for resource, list := range r.spans() {
		for n, a := range list {
			for _, b := range list[n+1:] {
				if !a.exclusive && !b.exclusive {
					continue
				}
				if b.first < a.last {
					say(&out, "%s had two at a time: task %d %s (marks %d to %d) and task %d %s (marks %d to %d)", resource,
						a.task.Seq, a.task.ID, a.first, a.last, b.task.Seq, b.task.ID, b.first, b.last)
				}
				// a began first: b must not have been owed the resource.
				if b.task.Seq < a.task.Seq && !b.committed.IsZero() && a.task.UnblockedAt != nil && b.committed.Before(*a.task.UnblockedAt) {
					say(&out, "task %d %s had %s before task %d %s, which was committed at %s, before the other became ready at %s", a.task.Seq, a.task.ID,
						resource, b.task.Seq, b.task.ID, b.committed.Format(clock), a.task.UnblockedAt.Format(clock))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// clock shows a moment within a round.
const clock = "15:04:05.000000"

// checkCaps: no more tasks side by side than the caps allow, as far as their marks tell. Immediate tasks do not count.
func (r *record) checkCaps() (out []string) {
	groups := map[string]int{}
	for _, g := range r.groups {
		groups[g.ID] = int(g.AtMost)
	}
	lists, most := map[string][]*span{}, map[string]int{}
	count := func(name string, limit int, s *span) {
		if limit > 0 {
			lists[name], most[name] = append(lists[name], s), limit
		}
	}
	for _, s := range r.spans()[everyone] {
		if s.task.Immediate {
			continue
		}
		if s.task.CreatedBy != nil {
			count(fmt.Sprintf("user %d", *s.task.CreatedBy), r.plan.PerUser, s)
		}
		if s.task.Name == kindSlow {
			count("kind "+kindSlow, r.plan.Slow, s)
		}
		if s.task.TaskGroupID != nil {
			count("task group "+*s.task.TaskGroupID, groups[*s.task.TaskGroupID], s)
		}
	}
	for name, list := range lists {
		if n := crowd(list); n > most[name] {
			say(&out, "%d tasks of the %s ran side by side, %d may", n, name, most[name])
		}
	}
	slices.Sort(out)
	return out
}

// crowd is how many spans overlap at most.
func crowd(list []*span) (most int) {
	for _, s := range list {
		n := 0
		for _, other := range list {
			if other.first <= s.first && s.first <= other.last {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
