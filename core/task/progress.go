package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// ProgressReport is how far one part of a task is, a row of core_progress_reports.
type ProgressReport struct {
	ID     int64 `gorm:"primaryKey;autoIncrement"`
	TaskID string
	// Message is for people, Code for programs, such as "sync.downloading.artifacts".
	Message string
	Code    string
	State   State
	// Total is nil when it is not known.
	Total  *int64
	Done   int64
	Suffix *string
	// BeganAt is when the report was begun, ChangedAt when it last changed; nil in rows of earlier versions.
	BeganAt   *time.Time
	ChangedAt *time.Time
}

// TableName is the table of the rows.
func (ProgressReport) TableName() string { return "core_progress_reports" }

// Rate is how many a second were done from the beginning to the last change; nil where that tells nothing.
func (r *ProgressReport) Rate() *float64 { return rateBetween(r.Done, r.BeganAt, r.ChangedAt) }

// EstimatedEnd is when the part will be done if it goes on like that; nil where nobody knows and when it has ended. A
// moment that has passed says that nothing has been done for longer than it should take.
func (r *ProgressReport) EstimatedEnd() *time.Time {
	if r.State != Running {
		return nil
	}
	return endAfter(r.Done, r.Total, r.BeganAt, r.ChangedAt)
}

// Progress counts one part of a running task. Its methods only note; saving happens beside the work, every two
// seconds and once more when the task ends, so they are cheap and safe inside transactions and for concurrent use. A
// report without a suffix of its own gets one that tells its rate and how long it will take, such as
// "1,234/s, about 8 s left".
type Progress struct {
	mu    sync.Mutex
	row   ProgressReport
	dirty bool
	began time.Time
	named bool // has a suffix of its own
}

// Progress begins a report, which is visible at once. Total is nil when it is not known, suffix may be empty. It
// writes a transaction of its own, so it must not be called inside one. When the task ends, every report that is not
// done takes the task's final state.
func (r *Run) Progress(ctx context.Context, code, message string, total *int64, suffix string) (*Progress, error) {
	now := model.Now()
	p := &Progress{row: ProgressReport{TaskID: r.ID, Code: code, Message: message, State: Running, Total: total, BeganAt: &now, ChangedAt: &now},
		began: time.Now(), named: suffix != ""}
	if suffix != "" {
		p.row.Suffix = &suffix
	}
	r.reported.Store(true)
	err := r.InTx(ctx, func(tx *db.Tx) error { return tx.Create(&p.row).Error })
	if err != nil {
		return nil, fmt.Errorf("begin to report progress: %w", err)
	}
	r.saver.add(ctx, p)
	return p, nil
}

// Quiet tells that the run has begun no report of progress.
func (r *Run) Quiet() bool { return !r.reported.Load() }

// Add counts n more.
func (p *Progress) Add(n int64) { p.change(func(row *ProgressReport) { row.Done += n }) }

// Turn makes the report one of something else, such as that what was begun turned out not to be needed.
func (p *Progress) Turn(code, message string) {
	p.change(func(row *ProgressReport) { row.Code, row.Message = code, message })
}

// SetTotal says how many there will be.
func (p *Progress) SetTotal(n int64) { p.change(func(row *ProgressReport) { row.Total = &n }) }

// Finish ends the report as completed with n done of n.
func (p *Progress) Finish(n int64) {
	p.change(func(row *ProgressReport) { row.Done, row.Total, row.State = n, &n, Completed })
}

// Done ends the report as completed.
func (p *Progress) Done() { p.change(func(row *ProgressReport) { row.State = Completed }) }

func (p *Progress) change(f func(*ProgressReport)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.row)
	// By the time that has passed, not by the clock, which may have been set meanwhile.
	changed := p.row.BeganAt.Add(time.Since(p.began)).Truncate(time.Microsecond)
	p.row.ChangedAt, p.dirty = &changed, true
}

// take gives a copy of the row when it has changed since it was saved.
func (p *Progress) take() news {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dirty {
		return nil
	}
	p.dirty = false
	if !p.named {
		p.row.Suffix = pace(p.row, time.Since(p.began))
	}
	return &changedReport{of: p, row: p.row}
}

// changedReport is a report as it was when it was taken.
type changedReport struct {
	of  *Progress
	row ProgressReport
}

// write saves the report while the task has not ended: its end has set the final state.
func (c *changedReport) write(tx *db.Tx) error {
	return tx.Model(&ProgressReport{}).Where("id = ? AND state = ?", c.row.ID, Running).Updates(map[string]any{
		"code": c.row.Code, "message": c.row.Message, "done": c.row.Done, "total": c.row.Total, "state": c.row.State, "suffix": c.row.Suffix, "changed_at": c.row.ChangedAt,
	}).Error
}

func (c *changedReport) restore() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.dirty = true
}

var (
	_ source = (*Progress)(nil)
	_ news   = (*changedReport)(nil)
)
