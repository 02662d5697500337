package main

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// sound is the record of a round in which two tasks counted up one resource, the first before the second, and a third
// dispatched a child.
func sound() *record {
	at := time.Unix(1_700_000_000, 0).UTC()
	moment := func(n int) *time.Time { t := at.Add(time.Duration(n) * time.Second); return &t }
	worker, parent, group, user := "worker", "c", "g", int64(1)
	row := func(seq int64, id, kind string) task.Row {
		n := int(seq)
		return task.Row{Seq: seq, ID: id, Name: kind, State: task.Completed, Worker: &worker, CreatedBy: &user, TaskGroupID: &group,
			UnblockedAt: moment(10 * n), StartedAt: moment(10*n + 1), FinishedAt: moment(10*n + 5)}
	}
	r := &record{
		plan:     plan{Mode: servers, PerUser: 1, Group: 1},
		tasks:    []task.Row{row(1, "a", kindSteps), row(2, "b", kindSteps), row(3, "c", kindSpawns), row(4, "d", kindEffect)},
		groups:   []task.GroupRow{{Base: model.Base{ID: "g"}, AtMost: 1}},
		counters: []counter{{everyone, 0}, {"r", 6}},
		notes:    newNotes(),
	}
	r.tasks[3].ParentTaskID = &parent
	mark1 := func(id, resource, edge string, exclusive bool, value int64) {
		r.marks = append(r.marks, mark{int64(len(r.marks) + 1), id, resource, exclusive, edge, value, "running"})
	}
	for n, id := range []string{"a", "b", "c", "d"} {
		r.notes.begun[id], r.notes.done[id], r.notes.committed[id] = 1, 1, *moment(n)
		kind, from := r.tasks[n].Name, int64(3*n)
		w := wish{Name: "wish-" + id, TaskID: id, Kind: kind, Expected: expected(kind, job{Exclusive: []string{"r"}, Children: make([]job, 1)})}
		if id == "d" {
			w.Parent = "wish-c"
		}
		r.wishes = append(r.wishes, w)
		mark1(id, everyone, "begin", false, 0)
		if kind == kindSteps {
			mark1(id, "r", "begin", true, from)
			for step := range int64(stepsOfTask) {
				r.effects = append(r.effects, effect{0, id, step + 1, 1, "r", "running"})
			}
			mark1(id, "r", "end", true, from+stepsOfTask)
			total := int64(stepsOfTask)
			r.reports = append(r.reports, task.ProgressReport{TaskID: id, State: task.Completed, Total: &total, Done: total})
		}
		if kind == kindEffect {
			r.effects = append(r.effects, effect{0, id, 1, 1, "", "running"}, effect{0, id, 1, 2, "", "running"})
		}
		mark1(id, everyone, "end", false, 0)
	}
	return r
}

func TestASoundRecordIsNoViolation(t *testing.T) {
	t.Parallel()
	if found := sound().violations(); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

func TestEveryBreachIsFound(t *testing.T) {
	t.Parallel()
	late := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		harm func(r *record)
		want string
	}{
		"what others saw":           {func(r *record) { r.found = []string{"a panic"} }, "a panic"},
		"a lost dispatch":           {func(r *record) { r.notes.committed["x"] = late }, "the dispatch of task x was committed, and the task is gone"},
		"a lost task":               {func(r *record) { r.tasks = r.tasks[1:] }, "was dispatched in a transaction that is committed"},
		"a task from nowhere":       {func(r *record) { r.wishes = r.wishes[:3] }, "task d has 0 rows"},
		"a task without end":        {func(r *record) { r.tasks[0].State = task.Running }, "has no end, it is running"},
		"no time of the end":        {func(r *record) { r.tasks[0].FinishedAt = nil }, "without a time of its end"},
		"completed with an error":   {func(r *record) { r.tasks[0].Error = model.JSON(`{}`) }, "or with an error"},
		"failed without a reason":   {func(r *record) { r.tasks[0].State = task.Failed }, "failed without a reason"},
		"run twice":                 {func(r *record) { r.notes.begun["a"] = 2 }, "was begun 2 times"},
		"completed without the end": {func(r *record) { r.notes.done["a"] = 0 }, "came to its end 0 times"},
		"completed with a failure":  {func(r *record) { r.notes.failed["a"] = 1 }, "is completed, but its work returned an error"},
		"failed after its good end": {func(r *record) {
			r.plan.Faults = []fault{{What: killWorker}}
			r.tasks[0].State, r.tasks[0].Error = task.Failed, model.JSON(`{"description":"[PLP0000] An internal error occurred."}`)
		}, "failed although its work came to its good end"},
		"an effect twice":         {func(r *record) { r.effects = append(r.effects, r.effects[0]) }, "an effect is there twice"},
		"an effect too few":       {func(r *record) { r.effects = r.effects[1:] }, "is completed with 2 effects, not 3"},
		"half a transaction":      {func(r *record) { r.tasks[3].State = task.Canceled; r.effects = r.effects[:7] }, "half a transaction"},
		"an effect after the end": {func(r *record) { r.effects[0].Seen = "failed" }, `was written when the task was "failed"`},
		"a mark after the end":    {func(r *record) { r.marks[0].Seen = "failed" }, "a mark was written when"},
		"a lost child": {func(r *record) {
			r.wishes, r.tasks = r.wishes[:3], r.tasks[:3]
		}, "with 0 children, not 1"},
		"a child of nobody":           {func(r *record) { r.tasks[3].ParentTaskID = nil }, "does not know that"},
		"a lost update":               {func(r *record) { r.counters[1].Value = 5 }, "updates were lost"},
		"counting by others":          {func(r *record) { r.marks[2].Value = 4 }, "went from 0 to 4"},
		"two at a time":               {func(r *record) { r.marks[2].ID, r.marks[5].ID = 6, 3 }, "had two at a time"},
		"the wrong order":             {func(r *record) { r.tasks[0].Seq, r.tasks[1].Seq = 2, 1 }, "which was committed at"},
		"more than a user may":        {func(r *record) { r.marks[3].ID = 5 }, "2 tasks of the user 1 ran side by side, 1 may"},
		"more than a group may":       {func(r *record) { r.marks[3].ID = 5 }, "2 tasks of the task group g ran side by side, 1 may"},
		"open progress":               {func(r *record) { r.reports[0].State = task.Running }, "the progress of task a is running"},
		"progress short of its end":   {func(r *record) { r.reports[0].Done = 1 }, "with 1 done"},
		"a failure without an excuse": {func(r *record) { r.tasks[0].State = task.Failed; r.tasks[0].Error = model.JSON(`{}`) }, "failed in a round without faults"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sound()
			c.harm(r)
			if all := strings.Join(r.violations(), "\n"); !strings.Contains(all, c.want) {
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}

// TestOrderIsOwedToWhatWasCommittedBefore spares what may be: a lower number that came to light late.
func TestOrderIsOwedToWhatWasCommittedBefore(t *testing.T) {
	t.Parallel()
	r := sound()
	r.tasks[0].Seq, r.tasks[1].Seq = 2, 1
	r.notes.committed["b"] = time.Unix(1_800_000_000, 0)
	if found := r.checkConflicts(); len(found) > 0 {
		t.Errorf("committed too late for its turn: %q", found)
	}
	delete(r.notes.committed, "b")
	if found := r.checkConflicts(); len(found) > 0 {
		t.Errorf("nobody knows when it was committed: %q", found)
	}
}

// TestWhatWasEndedFromOutsideMayHaveBeenDone spares what may be: a process that dies between the end of the work and that of
// the task.
func TestWhatWasEndedFromOutsideMayHaveBeenDone(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		`{"reason":"Worker has gone missing."}`, `{"reason":"Aborted during worker shutdown."}`, `{"reason":"The end of the work could not be saved."}`,
		`{"reason":"The work did not end within 30s after it was told to."}`, `{"description":"[PLP0024] x","error_code":"PLP0024"}`,
	} {
		r := sound()
		r.tasks[0].State, r.tasks[0].Error = task.Failed, model.JSON(fault)
		if found := r.checkRuns(); len(found) > 0 {
			t.Errorf("%s: found %q", fault, found)
		}
	}
}
