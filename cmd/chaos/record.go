package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/task"
)

// record is everything that a round has left.
type record struct {
	plan     plan
	tasks    []task.Row
	wishes   []wish
	effects  []effect
	marks    []mark
	counters []counter
	groups   []task.GroupRow
	reports  []task.ProgressReport
	notes    *notes
	// found is what was seen amiss on the way: ends that changed, panics in logs, rows that must be gone.
	found []string
}

// read reads it. Connections from before a crash may still be in the pool, so it is tried more than once.
func (f *field) read(ctx context.Context) (r *record, err error) {
	err = until(ctx, nil, 10*time.Second, func(ctx context.Context) error {
		r, err = f.readOnce(ctx)
		return err
	})
	return r, err
}

func (f *field) readOnce(ctx context.Context) (*record, error) {
	r := &record{plan: f.plan}
	for list, order := range map[any]string{
		&r.tasks: "seq", &r.wishes: "id", &r.effects: "id", &r.marks: "id", &r.counters: "resource", &r.groups: "id", &r.reports: "id",
	} {
		if err := f.db.Read(ctx).Order(order).Find(list).Error; err != nil {
			return nil, err
		}
	}
	var err error
	if r.notes, err = readJournals(f.folder); err != nil {
		return nil, err
	}
	f.mu.Lock()
	r.found = append(r.found, f.changed...)
	f.mu.Unlock()
	r.found = append(r.found, r.notes.violations...)
	left, err := f.leftovers(ctx)
	if err != nil {
		return nil, err
	}
	logs, err := complaints(f.folder)
	r.found = append(append(r.found, left...), logs...)
	return r, err
}

// leftovers are rows of tables that must be empty when no task is unfinished and no process runs.
func (f *field) leftovers(ctx context.Context) (out []string, err error) {
	for _, table := range []string{"core_task_locks", "core_task_caps", "core_task_references", "core_staged_contents", "core_app_statuses"} {
		var n int64
		if err := f.db.Read(ctx).Table(table).Count(&n).Error; err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%s has %d rows left", table, n))
		}
	}
	if err := f.tidy(); err != nil {
		out = append(out, err.Error())
	}
	return out, nil
}

// complaints are lines in the logs of processes that no process may write: a panic that ended it, a data race.
func complaints(folder string) (out []string, err error) {
	logs, err := filepath.Glob(filepath.Join(folder, "*.log"))
	if err != nil {
		return nil, err
	}
	bad := regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE|SIGSEGV).*$`)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if at := bad.FindIndex(text); at != nil {
			out = append(out, fmt.Sprintf("%s says:\n%s", filepath.Base(path), text[at[0]:min(len(text), at[0]+3000)]))
		}
	}
	return out, nil
}

// dump shows what is unfinished, for those who look for the reason.
func (f *field) dump(ctx context.Context) string {
	var b strings.Builder
	for _, query := range []string{
		"SELECT seq, id, name, state, worker, immediate, lane, turn, unblocked_at, sent_at, started_at, cancel_by, reserved_resources FROM core_tasks WHERE state IN ('waiting', 'running', 'canceling') ORDER BY seq LIMIT 30",
		"SELECT * FROM core_task_locks ORDER BY resource, task_seq LIMIT 100",
		"SELECT * FROM core_task_caps ORDER BY cap, task_seq LIMIT 100",
		"SELECT name, app_type, last_heartbeat FROM core_app_statuses ORDER BY name",
	} {
		var rows []map[string]any
		err := f.db.Read(ctx).Raw(query).Scan(&rows).Error
		fmt.Fprintf(&b, "%s (%d rows, error %v)\n", query, len(rows), err)
		for _, row := range rows {
			fmt.Fprintf(&b, "  %s\n", line(row))
		}
	}
	return b.String()
}

// line shows a row without what it does not have.
func line(row map[string]any) string {
	for key, value := range row {
		switch v := value.(type) {
		case nil:
			delete(row, key)
		case time.Time:
			row[key] = v.Format("15:04:05.000")
		case []byte:
			row[key] = string(v)
		}
	}
	return strings.TrimPrefix(fmt.Sprint(row), "map")
}

// tally is what happened in a round.
type tally struct {
	tasks, completed, failed, canceled, effects, processes int
}

func (f *field) count(r *record) tally {
	t := tally{tasks: len(r.tasks), effects: len(r.effects)}
	for _, row := range r.tasks {
		switch row.State {
		case task.Completed:
			t.completed++
		case task.Failed:
			t.failed++
		case task.Canceled:
			t.canceled++
		}
	}
	for _, s := range f.slots() {
		t.processes += s.born
	}
	return t
}

func (t tally) plus(o tally) tally {
	return tally{t.tasks + o.tasks, t.completed + o.completed, t.failed + o.failed, t.canceled + o.canceled, t.effects + o.effects, t.processes + o.processes}
}

func (t tally) String() string {
	return fmt.Sprintf("%d tasks (%d completed, %d failed, %d canceled), %d effects, %d processes", t.tasks, t.completed, t.failed, t.canceled, t.effects, t.processes)
}
