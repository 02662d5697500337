package task_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// lockOf is a lock of the model.
type lockOf struct {
	seq             int64
	resource        string
	exclusive, held bool
}

// blockers is the rule, in the words of the architecture: who conflicts and is ready or running, whatever its number, or
// waits and has a lower number.
func blockers(all []lockOf, seq int64) []int64 {
	var out []int64
	for _, m := range all {
		for _, o := range all {
			if m.seq == seq && o.seq != seq && o.resource == m.resource && (m.exclusive || o.exclusive) && (o.held || o.seq < m.seq) {
				out = append(out, o.seq)
			}
		}
	}
	return out
}

// TestExplanationsAreTrue: of random histories, who is said to be blocked is, and by those who are named; and nothing is
// told of those who may not be seen.
func TestExplanationsAreTrue(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		rapid.Check(t, func(rt *rapid.T) {
			s.do(func(tx *db.Tx) error {
				if err := tx.Exec("DELETE FROM core_task_locks").Error; err != nil {
					return err
				}
				return errors.Join(tx.Exec("DELETE FROM core_task_locks").Error, tx.Exec("DELETE FROM core_tasks").Error)
			})
			rows, locks := s.history(rt)
			hidden := map[string]bool{}
			for _, r := range rows {
				hidden[r.ID] = rapid.Bool().Draw(rt, "hidden")
			}
			sees := func(ids []string) ([]string, error) {
				return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return hidden[id] }), nil
			}
			for _, r := range rows {
				if r.State == task.Waiting && r.UnblockedAt == nil {
					s.checkTruth(rt, r, rows, locks)
				}
			}
			r := rows[len(rows)-1] // for whom most stand in the way
			text, _ := json.Marshal(s.why(r.ID, task.Question{Sees: sees}))
			for _, other := range rows {
				if hidden[other.ID] && other.ID != r.ID && (strings.Contains(string(text), other.ID) || strings.Contains(string(text), other.Name)) {
					rt.Fatalf("%s is told, which may not be seen: %s", other.ID, text)
				}
			}
		})
	})
}

// history writes some tasks; each has a kind of its own, so that it shows when it is named.
func (s *story) history(rt *rapid.T) (rows []*task.Row, all []lockOf) {
	n := rapid.IntRange(1, 7).Draw(rt, "tasks")
	resources := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3)
	s.do(func(tx *db.Tx) error {
		rows, all = nil, nil
		for k := range n {
			locks := task.Exclusive(resources.Draw(rt, "exclusive")...).AndShared(resources.Draw(rt, "shared")...).Normal()
			how := rapid.SampledFrom([]func(*task.Row){nil, nil, nil, ready, parked, runningOn("w")}).Draw(rt, "how")
			row := newRow(fmt.Sprintf("kind%d", k), locks, how)
			if err := insert(tx, row, locks); err != nil {
				return err
			}
			rows = append(rows, row)
			for i, r := range slices.Concat(locks.Exclusive, locks.Shared) {
				all = append(all, lockOf{row.Seq, r, i < len(locks.Exclusive), row.UnblockedAt != nil})
			}
		}
		return nil
	})
	return rows, all
}

// checkTruth compares what is told of a waiting task with the rule.
func (s *story) checkTruth(rt *rapid.T, r *task.Row, rows []*task.Row, locks []lockOf) {
	e, truth := s.why(r.ID, task.Question{}), blockers(locks, r.Seq)
	if blocked := e.Standing == task.Blocked; blocked != (len(truth) > 0) {
		rt.Fatalf("task %d is told to be %s, and is blocked by %v", r.Seq, e.Standing, truth)
	}
	if len(truth) == 0 {
		return
	}
	seq := map[string]int64{}
	for _, row := range rows {
		seq[ident.PRN("core.task", row.ID)] = row.Seq
	}
	named := 0
	for _, w := range e.WaitsFor {
		for _, p := range w.Tasks {
			named++
			if !slices.Contains(truth, seq[string(p.Task)]) {
				rt.Fatalf("task %d is not blocked by %d, but by %v", r.Seq, seq[string(p.Task)], truth)
			}
		}
	}
	if named == 0 {
		rt.Fatalf("task %d is blocked by %v, and nobody is named", r.Seq, truth)
	}
	before := r.Seq
	for _, l := range e.Chain {
		if !slices.Contains(blockers(locks, before), seq[string(l.Task)]) {
			rt.Fatalf("in the chain of %d, %d does not wait for %d", r.Seq, before, seq[string(l.Task)])
		}
		before = seq[string(l.Task)]
	}
	if len(blockers(locks, before)) > 0 && e.Chain[len(e.Chain)-1].Standing == task.Blocked {
		rt.Fatalf("the chain of %d ends with %d, which is blocked", r.Seq, before)
	}
}
