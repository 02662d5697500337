package base

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

const (
	// maxStreams is how many follow tasks in one process at a time.
	maxStreams = 100
	// maxStreamsOfOne is how many of them one user has.
	maxStreamsOfOne = 10
	// pollEvery is how often the rows of a task that somebody follows are looked at.
	pollEvery = 500 * time.Millisecond
	// aliveEvery is the longest silence on a stream: proxies end what is silent.
	aliveEvery = 15 * time.Second
	// streamLife is how long one stream may go on. A client takes it up again by itself and is asked anew who it is and
	// what it may see: that is how long somebody who has lost the right goes on reading.
	streamLife = 5 * time.Minute
	// linesAtOnce is how many lines one look reads.
	linesAtOnce = 1000
)

// follows tells whether the client wants events.
func follows(c *resource.Call) bool {
	yes, given := resource.Boolean(c.Query("follow"))
	return given && yes || strings.Contains(c.Header("Accept"), "text/event-stream")
}

// answer begins a stream: server-sent events as the HTML standard writes them (§9.2).
func (s *streams) answer(c *resource.Call, q *logQuery) (*resource.Answer, error) {
	if last := c.Header("Last-Event-ID"); last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return nil, errs.Field("Last-Event-ID", "Send the id of the last event, a whole number.")
		}
		q.after = max(q.after, n)
	}
	leave, err := s.take(c.User)
	if err != nil {
		return nil, err
	}
	log := c.Env.Log
	return &resource.Answer{
		Status: 200, Type: "text/event-stream", Headers: map[string]string{"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
		Stream: func(ctx context.Context, to resource.Flow) error {
			defer leave()
			poll, end := time.NewTicker(pollEvery), time.NewTimer(streamLife)
			defer poll.Stop()
			defer end.Stop()
			follow(ctx, &follower{logQuery: q, to: to, now: time.Now}, poll.C, end.C, log)
			return nil // a client goes on after the last event that came, however it ended
		},
	}, nil
}

// follow sends what is new at each tick, until the task has ended, the client is gone, or the time is up.
func follow(ctx context.Context, f *follower, ticks, end <-chan time.Time, log *slog.Logger) {
	f.spoken = f.now()
	for {
		done, err := f.look(ctx)
		if err != nil && ctx.Err() == nil {
			log.Debug("a client does not follow a task any more", "task", f.task, "reason", err)
		}
		if done || err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-ticks:
		}
	}
}

// follower sends one task's events to one client.
type follower struct {
	*logQuery
	to  resource.Flow
	now func() time.Time
	// spoken is when something was sent last; seen what the client knows.
	spoken time.Time
	seen   taskGlance
}

// taskGlance is what tells whether there is anything new about a task.
type taskGlance struct {
	State task.State
	// Last is the newest line of the log, 0 for none. Reports, Done and Changed tell reports of progress apart.
	Last    int64
	Reports int64
	Done    int64
	Changed string
	// Error is why a task failed.
	Error model.JSON
}

const glance = `SELECT t.state, t.error, COALESCE((SELECT MAX(l.id) FROM core_task_logs l WHERE l.task_id = t.id), 0) AS last,
	COUNT(p.id) AS reports, CAST(COALESCE(SUM(p.done + CASE WHEN p.state = 'running' THEN 1 ELSE 0 END), 0) AS bigint) AS done, COALESCE(CAST(MAX(p.changed_at) AS text), '') AS changed
	FROM core_tasks t LEFT JOIN core_progress_reports p ON p.task_id = t.id WHERE t.id = ? GROUP BY t.id, t.seq, t.state, t.error`

// look sends what is new; done is true when there will be nothing more. The state is read first: what a task says is
// there before its end is.
func (f *follower) look(ctx context.Context) (done bool, err error) {
	var found []taskGlance
	if err := f.db.Read(ctx).Raw(glance, f.task).Scan(&found).Error; err != nil {
		return false, err
	}
	if len(found) == 0 { // the task was deleted
		return true, f.send("end", 0, ended{})
	}
	is := found[0]
	if is.Last > f.after && is.Last != f.seen.Last {
		if err := f.sendLines(ctx); err != nil {
			return false, err
		}
	}
	if is.Reports > 0 && (is.Reports != f.seen.Reports || is.Done != f.seen.Done || is.Changed != f.seen.Changed) {
		if err := f.sendReports(ctx); err != nil {
			return false, err
		}
	}
	if is.State != f.seen.State {
		if err := f.send("state", 0, map[string]task.State{"state": is.State}); err != nil {
			return false, err
		}
	}
	f.seen = is
	if is.State.Final() {
		return true, f.send("end", 0, ended{&is.State, is.Error})
	}
	return false, f.rest()
}

// ended is the data of the last event; a task that was deleted has no state.
type ended struct {
	State *task.State `json:"state"`
	Error model.JSON  `json:"error"`
}

// sendLines sends all lines that are new.
func (f *follower) sendLines(ctx context.Context) error {
	for {
		lines, err := f.lines(ctx, linesAtOnce)
		if err != nil {
			return err
		}
		for i := range lines {
			f.after = lines[i].ID
			if err := f.write("log", f.after, shownLine(&lines[i])); err != nil {
				return err
			}
		}
		if len(lines) == 0 {
			return nil
		}
		if err := f.flush(); err != nil || len(lines) < linesAtOnce {
			return err
		}
	}
}

// sendReports sends the reports of progress as they are now.
func (f *follower) sendReports(ctx context.Context) error {
	var rows []task.ProgressReport
	if err := f.db.Read(ctx).Where("task_id = ?", f.task).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	var reports []report
	for _, r := range rows {
		reports = append(reports, shownReport(r))
	}
	return f.send("progress", 0, map[string][]report{"progress_reports": reports})
}

// rest says now and then that the stream is alive.
func (f *follower) rest() error {
	if f.now().Sub(f.spoken) < aliveEvery {
		return nil
	}
	if _, err := io.WriteString(f.to, ": alive\n\n"); err != nil {
		return err
	}
	return f.flush()
}

func (f *follower) send(event string, id int64, data any) error {
	if err := f.write(event, id, data); err != nil {
		return err
	}
	return f.flush()
}

// write writes one event; only those that a client may take up again after have an id.
func (f *follower) write(event string, id int64, data any) error {
	text, err := resource.Marshal(data)
	if err != nil {
		return err
	}
	if id > 0 {
		_, err = fmt.Fprintf(f.to, "id: %d\nevent: %s\ndata: %s\n\n", id, event, text)
	} else {
		_, err = fmt.Fprintf(f.to, "event: %s\ndata: %s\n\n", event, text)
	}
	return err
}

func (f *follower) flush() error {
	f.spoken = f.now()
	return f.to.Flush()
}
