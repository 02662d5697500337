package task

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// GroupReport is how far the tasks of a group are with one part of their work, all together: a row of
// core_group_progress_reports, one for each code.
type GroupReport struct {
	ID          int64 `gorm:"primaryKey;autoIncrement"`
	TaskGroupID string
	Message     string
	Code        string
	// Total is nil when no task of the group knows its own.
	Total     *int64
	Done      int64
	Suffix    *string
	BeganAt   time.Time
	ChangedAt time.Time
}

// TableName is the table of the rows.
func (GroupReport) TableName() string { return "core_group_progress_reports" }

// Rate is how many a second were done from the beginning to the last change; nil where that tells nothing.
func (r *GroupReport) Rate() *float64 { return rateBetween(r.Done, &r.BeganAt, &r.ChangedAt) }

// EstimatedEnd is when all will be done if it goes on like that; nil where nobody knows, or it is done.
func (r *GroupReport) EstimatedEnd() *time.Time {
	return endAfter(r.Done, r.Total, &r.BeganAt, &r.ChangedAt)
}

// GroupProgress is one task's part of a report of its group. Its methods only note, like those of Progress; what was
// noted is added inside the database, so that tasks which count at the same time lose nothing of each other's.
type GroupProgress struct {
	of *groupCounts // nil for a task of no group
	groupCount
}

// groupCount is what one task has to add to a report.
type groupCount struct {
	code        string
	done, total int64
}

// GroupProgress takes part in the report with that code of the task's group, and begins it when it is the first. Total
// is what this task adds to the group's; nil adds nothing. In a task of no group nothing is counted. It writes a
// transaction of its own, so it must not be called inside one.
func (r *Run) GroupProgress(ctx context.Context, code, message string, total *int64) (*GroupProgress, error) {
	if r.o.Row.TaskGroupID == nil {
		return &GroupProgress{}, nil
	}
	err := r.InTx(ctx, func(tx *db.Tx) error {
		return ReportGroup(tx, *r.o.Row.TaskGroupID, code, message, total)
	})
	if err != nil {
		return nil, err
	}
	return r.group.join(ctx, code), nil
}

// ReportGroup begins a report of a group, in the transaction that dispatches its tasks when the total is known there; or
// adds to the total of one that was begun before. Nil is not known.
func ReportGroup(tx *db.Tx, group, code, message string, total *int64) error {
	now := tx.Dialect().Now()
	err := tx.Exec(`INSERT INTO core_group_progress_reports (task_group_id, message, code, total, done, began_at, changed_at)
		VALUES (?, ?, ?, ?, 0, `+now+`, `+now+`) ON CONFLICT (task_group_id, code) DO UPDATE SET total = CASE WHEN excluded.total IS NULL
		THEN core_group_progress_reports.total ELSE COALESCE(core_group_progress_reports.total, 0) + excluded.total END`,
		group, message, code, total).Error
	if err != nil {
		return fmt.Errorf("begin to report the progress of the group: %w", err)
	}
	return nil
}

// Add counts n more.
func (p *GroupProgress) Add(n int64) { p.note(n, 0) }

// AddTotal says that there are n more to do than this task has said before.
func (p *GroupProgress) AddTotal(n int64) { p.note(0, n) }

func (p *GroupProgress) note(done, total int64) {
	if p.of == nil {
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.done += done
	p.total += total
}

// groupCounts are all counts of one run for its group. They are one source of the saver: several tasks write the same
// rows, and only in one order they never wait for each other in a circle.
type groupCounts struct {
	run  *Run
	mu   sync.Mutex
	list []*GroupProgress
}

func (g *groupCounts) join(ctx context.Context, code string) *GroupProgress {
	p := &GroupProgress{of: g, groupCount: groupCount{code: code}}
	g.mu.Lock()
	first := len(g.list) == 0
	g.list = append(g.list, p)
	slices.SortStableFunc(g.list, func(a, b *GroupProgress) int { return cmp.Compare(a.code, b.code) })
	g.mu.Unlock()
	if first {
		g.run.saver.add(ctx, g)
	}
	return p
}

func (g *groupCounts) take() news {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := &takenCounts{of: g}
	for _, p := range g.list {
		if p.done != 0 || p.total != 0 {
			taken.from, taken.counts = append(taken.from, p), append(taken.counts, p.groupCount)
			p.done, p.total = 0, 0
		}
	}
	if len(taken.counts) == 0 {
		return nil
	}
	return taken
}

// takenCounts are what is to be added, and where it came from.
type takenCounts struct {
	of     *groupCounts
	from   []*GroupProgress
	counts []groupCount
}

// write adds the counts while the task is still this process's: one that was given up has nothing more to say.
func (c *takenCounts) write(tx *db.Tx) error {
	row := c.of.run.o.Row
	for _, n := range c.counts {
		err := tx.Exec(`UPDATE core_group_progress_reports SET done = done + ?, total = CASE WHEN ? = 0 THEN total ELSE COALESCE(total, 0) + ? END, changed_at = `+tx.Dialect().Now()+`
			WHERE task_group_id = ? AND code = ? AND EXISTS (SELECT 1 FROM core_tasks t WHERE t.id = ? AND t.worker = ? AND t.state IN ?)`,
			n.done, n.total, n.total, *row.TaskGroupID, n.code, row.ID, row.Worker, []State{Running, Canceling}).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *takenCounts) restore() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	for i, p := range c.from {
		p.done += c.counts[i].done
		p.total += c.counts[i].total
	}
}

var (
	_ source = (*groupCounts)(nil)
	_ news   = (*takenCounts)(nil)
)
