package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/task"
)

// mostShown is how many violations of one kind are printed.
const mostShown = 10

// violations are all breaches of what is promised, in words.
func (r *record) violations() []string {
	out := slices.Clone(r.found)
	for _, check := range []func() []string{
		r.checkDispatches, r.checkEnds, r.checkRuns, r.checkEffects, r.checkChildren, r.checkCounters, r.checkValues,
		r.checkConflicts, r.checkCaps, r.checkReports, r.checkCalm,
	} {
		found := check()
		if len(found) > mostShown {
			found = append(found[:mostShown], fmt.Sprintf("and %d more of these", len(found)-mostShown))
		}
		out = append(out, found...)
	}
	return out
}

func say(list *[]string, format string, args ...any) {
	*list = append(*list, fmt.Sprintf(format, args...))
}

// checkDispatches: what was committed for certain is there, and each task came with its wish, in one transaction.
func (r *record) checkDispatches() (out []string) {
	rows, wished := map[string]bool{}, map[string]int{}
	for _, t := range r.tasks {
		rows[t.ID] = true
	}
	for _, w := range r.wishes {
		wished[w.TaskID]++
		if !rows[w.TaskID] {
			say(&out, "task %s (%s) was dispatched in a transaction that is committed, and is gone", w.TaskID, w.Kind)
		}
	}
	for _, t := range r.tasks {
		if wished[t.ID] != 1 {
			say(&out, "task %s has %d rows of the transaction that dispatched it", t.ID, wished[t.ID])
		}
	}
	for id := range r.notes.committed {
		if !rows[id] {
			say(&out, "the dispatch of task %s was committed, and the task is gone", id)
		}
	}
	return out
}

// checkEnds: each task has one end, with the times that belong to it.
func (r *record) checkEnds() (out []string) {
	for _, t := range r.tasks {
		switch {
		case !t.Final():
			say(&out, "task %d %s (%s) has no end, it is %s", t.Seq, t.ID, t.Name, t.State)
		case t.FinishedAt == nil:
			say(&out, "task %d %s is %s without a time of its end", t.Seq, t.ID, t.State)
		case t.State == task.Completed && (t.StartedAt == nil || t.Worker == nil || len(t.Error) > 0):
			say(&out, "task %d %s is completed without start or worker, or with an error: %s", t.Seq, t.ID, t.Error)
		case t.State == task.Failed && len(t.Error) == 0:
			say(&out, "task %d %s failed without a reason", t.Seq, t.ID)
		}
	}
	return out
}

// checkRuns: no work is begun twice, completed work has come to its good end, and vice versa what is said to have failed
// by itself has not. What was ended from outside may have come to it.
func (r *record) checkRuns() (out []string) {
	for _, t := range r.tasks {
		begun, done := r.notes.begun[t.ID], r.notes.done[t.ID]
		if begun > 1 {
			say(&out, "task %d %s (%s) was begun %d times", t.Seq, t.ID, t.Name, begun)
		}
		if t.State == task.Completed && (begun != 1 || done != 1) {
			say(&out, "task %d %s (%s) is completed, but its work was begun %d times and came to its end %d times", t.Seq, t.ID, t.Name, begun, done)
		}
		if failed := r.notes.failed[t.ID]; t.State == task.Completed && failed > 0 {
			say(&out, "task %d %s (%s) is completed, but its work returned an error", t.Seq, t.ID, t.Name)
		}
		if t.State == task.Failed && done > 0 && !endedFromOutside(&t) {
			say(&out, "task %d %s (%s) failed although its work came to its good end: %s", t.Seq, t.ID, t.Name, t.Error)
		}
	}
	return out
}

// endedFromOutside tells whether the machine failed a task whatever its work was doing.
func endedFromOutside(t *task.Row) bool {
	return slices.ContainsFunc([]string{
		`"Worker has gone missing."`, `"Aborted during worker shutdown."`, `"The end of the work could not be saved."`, `"The work did not end within `, task.CodeImmediateTimeout,
	}, func(known string) bool { return strings.Contains(string(t.Error), known) })
}

// checkEffects: a completed task has all effects and once, any other none twice; both parts of a transaction are there
// or none; all were written while the task ran.
func (r *record) checkEffects() (out []string) {
	count, twice := map[string]int64{}, map[string]int{}
	for _, e := range r.effects {
		count[e.TaskID]++
		key := fmt.Sprintf("task %s, step %d, part %d, resource %q", e.TaskID, e.Step, e.Part, e.Resource)
		if twice[key]++; twice[key] == 2 {
			say(&out, "an effect is there twice: %s", key)
		}
		if e.Seen != string(task.Running) {
			say(&out, "an effect was written when the task was %q: %s", e.Seen, key)
		}
	}
	for _, m := range r.marks {
		if m.Seen != string(task.Running) {
			say(&out, "a mark was written when task %s was %q", m.TaskID, m.Seen)
		}
	}
	ends := r.byID()
	for _, w := range r.wishes {
		t, n := ends[w.TaskID], count[w.TaskID]
		switch {
		case t == nil, w.Kind == kindSpawns:
		case t.State == task.Completed && n != w.Expected:
			say(&out, "task %d %s (%s) is completed with %d effects, not %d", t.Seq, t.ID, t.Name, n, w.Expected)
		case w.Kind != kindSteps && n != 0 && n != 2:
			say(&out, "task %d %s (%s) is %s with half a transaction", t.Seq, t.ID, t.Name, t.State)
		}
	}
	return out
}

func (r *record) byID() map[string]*task.Row {
	out := map[string]*task.Row{}
	for n := range r.tasks {
		out[r.tasks[n].ID] = &r.tasks[n]
	}
	return out
}

// checkChildren: a task that dispatches children in one transaction has all of them or, if it did not complete, none.
func (r *record) checkChildren() (out []string) {
	children, ends := map[string]int64{}, r.byID()
	parents := map[string]string{}
	for _, w := range r.wishes {
		if w.Kind == kindSpawns {
			parents[w.Name] = w.TaskID
		}
	}
	for _, w := range r.wishes {
		if w.Parent == "" {
			continue
		}
		children[w.Parent]++
		if child := ends[w.TaskID]; child != nil && (child.ParentTaskID == nil || *child.ParentTaskID != parents[w.Parent]) {
			say(&out, "task %s does not know that task %s is its parent", w.TaskID, parents[w.Parent])
		}
	}
	for _, w := range r.wishes {
		t, n := ends[w.TaskID], children[w.Name]
		if w.Kind == kindSpawns && t != nil && n != w.Expected && (n != 0 || t.State == task.Completed) {
			say(&out, "task %d %s is %s with %d children, not %d", t.Seq, t.ID, t.State, n, w.Expected)
		}
	}
	return out
}

// checkCounters: as many as were counted.
func (r *record) checkCounters() (out []string) {
	counted := map[string]int64{}
	for _, e := range r.effects {
		counted[e.Resource]++
	}
	for _, c := range r.counters {
		if c.Resource != everyone && c.Value != counted[c.Resource] {
			say(&out, "the counter of %s is %d after %d counts: updates were lost", c.Resource, c.Value, counted[c.Resource])
		}
	}
	return out
}

// checkValues: while a task had a resource, nobody but it counted.
func (r *record) checkValues() (out []string) {
	type use struct{ task, resource string }
	begin, own := map[use]int64{}, map[use]int64{}
	for _, e := range r.effects {
		own[use{e.TaskID, e.Resource}]++
	}
	for _, m := range r.marks {
		key := use{m.TaskID, m.Resource}
		if m.Edge == "begin" {
			begin[key] = m.Value
		} else if from, had := begin[key]; m.Resource != everyone && (!had || m.Value-from != own[key]) {
			say(&out, "%s went from %d to %d while task %s had it, which counted %d", m.Resource, from, m.Value, m.TaskID, own[key])
		}
	}
	return out
}

// checkReports: progress has an end too. What was counted last is lost when the database is away just then.
func (r *record) checkReports() (out []string) {
	ends := r.byID()
	for _, p := range r.reports {
		t := ends[p.TaskID]
		switch {
		case t == nil || !p.State.Final():
			say(&out, "the progress of task %s is %s", p.TaskID, p.State)
		case t.State == task.Completed && (p.State != task.Completed || p.Total == nil || p.Done != *p.Total && !r.plan.harms(stopPostgres, killPostgres, absentDB, cutPostgres)):
			say(&out, "task %s is completed and its progress is %s with %d done", p.TaskID, p.State, p.Done)
		}
	}
	return out
}

// checkCalm: where nothing went wrong, only that fails what always does, and what a machine is too slow for.
func (r *record) checkCalm() (out []string) {
	if !r.plan.calm() || r.suicides() {
		return nil
	}
	for _, t := range r.tasks {
		slow := strings.Contains(string(t.Error), task.CodeImmediateTimeout) || strings.Contains(string(t.Error), "gone missing")
		if t.State == task.Failed && t.Name != kindFails && t.Name != kindPanics && !slow {
			say(&out, "task %d %s (%s) failed in a round without faults: %s", t.Seq, t.ID, t.Name, t.Error)
		}
	}
	return out
}

func (r *record) suicides() bool {
	return slices.ContainsFunc(r.tasks, func(t task.Row) bool { return t.Name == kindSuicide })
}
