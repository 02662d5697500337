package task

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
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
}

// TableName is the table of the rows.
func (ProgressReport) TableName() string { return "core_progress_reports" }

// Progress counts one part of a running task. Its methods only note; saving happens beside the work, every two
// seconds and once more when the task ends, so they are cheap and safe inside transactions and for concurrent use. A
// report without a suffix of its own gets one that tells its rate and how long it will take, such as
// "1,234/s, about 8 s left".
type Progress struct {
	all   *reports
	row   ProgressReport
	dirty bool
	began time.Time
	named bool // has a suffix of its own
}

// Progress begins a report, which is visible at once. Total is nil when it is not known, suffix may be empty. It
// writes a transaction of its own, so it must not be called inside one. When the task ends, every report that is not
// done takes the task's final state.
func (r *Run) Progress(ctx context.Context, code, message string, total *int64, suffix string) (*Progress, error) {
	p := &Progress{all: &r.progress, row: ProgressReport{TaskID: r.ID, Code: code, Message: message, State: Running, Total: total},
		began: time.Now(), named: suffix != ""}
	if suffix != "" {
		p.row.Suffix = &suffix
	}
	err := r.InTx(ctx, func(tx *db.Tx) error { return tx.Create(&p.row).Error })
	if err != nil {
		return nil, fmt.Errorf("begin to report progress: %w", err)
	}
	r.progress.add(ctx, p)
	return p, nil
}

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
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	f(&p.row)
	p.dirty = true
}

// reports are all reports of one run and the goroutine that saves them.
type reports struct {
	run  *Run
	mu   sync.Mutex
	list []*Progress
	stop chan struct{}
	done chan struct{}
}

func (s *reports) add(ctx context.Context, p *Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, p)
	if s.stop == nil {
		s.stop, s.done = make(chan struct{}), make(chan struct{})
		// detached: the saver ends with the run, not with the part of the work that began the first report.
		go s.save(context.WithoutCancel(ctx), s.stop, s.done)
	}
}

// save writes what has changed, every so often, until stop.
func (s *reports) save(ctx context.Context, stop, done chan struct{}) {
	defer close(done)
	every := time.NewTicker(s.run.o.SaveEvery)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
			if err := s.flush(ctx); err != nil {
				s.run.Log().Debug("progress could not be saved, it will be tried again", "error", err)
			}
		}
	}
}

// close stops the saver and saves for the last time.
func (s *reports) close(ctx context.Context) error {
	s.mu.Lock()
	stop, done := s.stop, s.done
	s.stop = nil
	s.mu.Unlock()
	if stop == nil {
		return nil
	}
	close(stop)
	<-done
	return s.flush(ctx)
}

func (s *reports) flush(ctx context.Context) error {
	changed := s.take()
	if len(changed) == 0 {
		return nil
	}
	err := s.run.o.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, row := range changed {
			// Only while the task has not ended: its end has set the final state.
			q := tx.Model(&ProgressReport{}).Where("id = ? AND state = ?", row.ID, Running)
			if err := q.Updates(map[string]any{"code": row.Code, "message": row.Message, "done": row.Done, "total": row.Total, "state": row.State, "suffix": row.Suffix}).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.restore(changed)
		return fmt.Errorf("save the progress of the task: %w", err)
	}
	return nil
}

// take gives copies of the reports that have changed since they were saved.
func (s *reports) take() []ProgressReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []ProgressReport
	for _, p := range s.list {
		if p.dirty {
			p.dirty = false
			if !p.named {
				p.row.Suffix = pace(p.row, time.Since(p.began))
			}
			changed = append(changed, p.row)
		}
	}
	return changed
}

// restore notes again what could not be saved.
func (s *reports) restore(rows []ProgressReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rows {
		for _, p := range s.list {
			if p.row.ID == row.ID {
				p.dirty = true
			}
		}
	}
}

// pace is the rate of a report and, while it runs and its end is known, the time left; nil where there is nothing to
// tell yet, or no more.
func pace(row ProgressReport, took time.Duration) *string {
	if row.Done < 2 || took < time.Second {
		return nil
	}
	rate := float64(row.Done) / took.Seconds()
	text := grouped(int64(math.Round(rate))) + "/s"
	if rate < 10 {
		text = strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	if row.State == Running && row.Total != nil && *row.Total > row.Done {
		left := time.Duration(float64(*row.Total-row.Done) / rate * float64(time.Second))
		text += ", about " + span(left) + " left"
	}
	return &text
}

// span is a time for people.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(math.Ceil(d.Seconds()))) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(math.Ceil(d.Minutes()))) + " min"
	}
	return strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " h"
}

// grouped is a number with a comma after each thousand.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
