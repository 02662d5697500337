package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// listener is a client: what it was sent between two flushes, until it is gone.
type listener struct {
	bytes.Buffer
	sent chan string
	gone bool
}

func (l *listener) Flush() error {
	if l.gone {
		return errors.New("the client is gone")
	}
	l.sent <- l.String()
	l.Reset()
	return nil
}

// followed is a task with somebody who follows it.
type followed struct {
	t     *testing.T
	db    *db.DB
	id    string
	to    *listener
	ticks chan time.Time
	end   chan time.Time
	clock atomic.Int64 // in nanoseconds
	done  chan struct{}
}

func newFollowed(t *testing.T, url string) *followed {
	t.Helper()
	f := &followed{t: t, db: tables.Open(t, url, ""), id: ident.New(), to: &listener{sent: make(chan string, 100)}, ticks: make(chan time.Time), end: make(chan time.Time), done: make(chan struct{})}
	now := model.Now()
	f.write(&task.Row{ID: f.id, DomainID: ident.DefaultDomain, Name: "test.followed", State: task.Running, Args: []byte("{}"), PulpCreated: now, PulpLastUpdated: now})
	return f
}

// follow begins to follow, with lines after one.
func (f *followed) follow(ctx context.Context, after int64) {
	q := &logQuery{db: f.db, task: f.id, after: after, levels: []string{"INFO", "ERROR"}}
	go func() {
		defer close(f.done)
		follow(ctx, &follower{logQuery: q, to: f.to, now: func() time.Time { return time.Unix(0, f.clock.Load()) }}, f.ticks, f.end, slog.New(slog.DiscardHandler))
	}()
}

func (f *followed) write(row any) {
	f.t.Helper()
	if err := f.db.InTx(f.t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) exec(sql string, args ...any) {
	f.t.Helper()
	if err := f.db.InTx(f.t.Context(), func(tx *db.Tx) error { return tx.Exec(sql, args...).Error }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *followed) say(level, message string) {
	f.t.Helper()
	f.write(&task.LogLine{TaskID: f.id, At: time.Unix(1, 0).UTC(), Level: level, Message: message})
}

// wants reads as many events as are wanted, and there must not be more.
func (f *followed) wants(events ...string) {
	f.t.Helper()
	for len(events) > 0 {
		for one := range strings.SplitAfterSeq(<-f.to.sent, "\n\n") {
			switch {
			case one == "":
			case len(events) == 0 || !strings.HasPrefix(one, events[0]):
				f.t.Fatalf("sent is %q, want %q", one, events)
			default:
				events = events[1:]
			}
		}
	}
	select {
	case more := <-f.to.sent:
		f.t.Fatalf("sent is also %q", more)
	default:
	}
}

func line(id int, message string) string {
	return fmt.Sprintf("id: %d\nevent: log\ndata: {\"id\":%d,\"time\":\"1970-01-01T00:00:01Z\",\"level\":\"INFO\",\"message\":%q,\"attributes\":{}}\n\n", id, id, message)
}

func TestATaskIsFollowedToItsEnd(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		f := newFollowed(t, url)
		f.say("INFO", "one")
		f.say("DEBUG", "not asked for")
		f.follow(t.Context(), 0)
		f.wants(line(1, "one"), "event: state\ndata: {\"state\":\"running\"}\n\n")
		f.ticks <- time.Time{}
		f.ticks <- time.Time{}
		f.wants()
		f.say("INFO", "two")
		f.ticks <- time.Time{}
		f.wants(line(3, "two"))
		total, now := int64(9), model.Now()
		report := &task.ProgressReport{TaskID: f.id, Message: "m", Code: "c", State: task.Running, Total: &total, Done: 4, BeganAt: &now, ChangedAt: &now}
		f.write(report)
		f.ticks <- time.Time{}
		f.wants(`event: progress` + "\n" + `data: {"progress_reports":[{"message":"m","code":"c","total":9,"done":4,`)
		f.exec("UPDATE core_progress_reports SET done = 5 WHERE id = ?", report.ID)
		f.ticks <- time.Time{}
		f.wants(`event: progress` + "\n" + `data: {"progress_reports":[{"message":"m","code":"c","total":9,"done":5,`)
		f.say("INFO", "three")
		f.exec(`UPDATE core_tasks SET state = 'failed', error = '{"description":"why"}' WHERE id = ?`, f.id)
		f.ticks <- time.Time{}
		f.wants(line(4, "three"), "event: state\ndata: {\"state\":\"failed\"}\n\n", "event: end\ndata: {\"state\":\"failed\",\"error\":{\"description\":")
		<-f.done
	})
}

func TestAFollowerResumes(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, testkit.SQLite(t))
	for i := range 3 {
		f.say("INFO", fmt.Sprint(i))
	}
	f.exec("UPDATE core_tasks SET state = 'completed' WHERE id = ?", f.id)
	f.follow(t.Context(), 2)
	f.wants(line(3, "2"), "event: state\n", "event: end\ndata: {\"state\":\"completed\",\"error\":null}\n\n")
	<-f.done
}

// manyLines makes a log of more than two pages.
func (f *followed) manyLines() int {
	f.t.Helper()
	lines := make([]task.LogLine, 2*linesAtOnce+1)
	for i := range lines {
		lines[i] = task.LogLine{TaskID: f.id, At: time.Unix(1, 0), Level: "INFO", Message: "x"}
	}
	if err := f.db.InTx(f.t.Context(), func(tx *db.Tx) error { return task.SaveLog(tx, lines) }); err != nil {
		f.t.Fatal(err)
	}
	return len(lines)
}

func TestAManyLinedLogIsSentWhole(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, testkit.SQLite(t))
	total := f.manyLines()
	f.follow(t.Context(), 0)
	for _, want := range []int{linesAtOnce, linesAtOnce, total - 2*linesAtOnce} {
		if n := strings.Count(<-f.to.sent, "event: log"); n != want {
			t.Fatalf("%d lines are sent at once, want %d", n, want)
		}
	}
	f.wants("event: state\n")
	f.end <- time.Time{}
	<-f.done
}

func TestAQuietStreamSaysThatItIsAlive(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, testkit.SQLite(t))
	f.follow(t.Context(), 0)
	f.wants("event: state\n")
	f.ticks <- time.Time{}
	f.ticks <- time.Time{} // the first has been seen to its end
	f.wants()
	f.clock.Add(int64(aliveEvery))
	f.ticks <- time.Time{}
	f.wants(": alive\n\n")
	f.end <- time.Time{}
	<-f.done
}

func TestFollowingEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *followed, stop func()){
		"when its time is up":   func(f *followed, _ func()) { f.end <- time.Time{} },
		"when the server stops": func(_ *followed, stop func()) { stop() },
		"when the task is deleted": func(f *followed, _ func()) {
			f.exec("DELETE FROM core_tasks WHERE id = ?", f.id)
			f.ticks <- time.Time{}
		},
		"when the client is gone":      func(f *followed, _ func()) { f.to.gone = true; f.say("INFO", "x"); f.ticks <- time.Time{} },
		"when the database has closed": func(f *followed, _ func()) { _ = f.db.Close(); f.ticks <- time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFollowed(t, testkit.SQLite(t))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			f.follow(ctx, 0)
			f.wants("event: state\n")
			end(f, stop)
			<-f.done
			if strings.Contains(name, "deleted") {
				f.wants("event: end\ndata: {\"state\":null,\"error\":null}\n\n")
			}
		})
	}
}

func TestFollowersAreCounted(t *testing.T) {
	t.Parallel()
	s := newStreams()
	var leaves []func()
	for user := range int64(maxStreams / maxStreamsOfOne) {
		for range maxStreamsOfOne {
			leave, err := s.take(&auth.User{ID: user + 1})
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		_, err := s.take(&auth.User{ID: user + 1})
		if !errs.Is(err, errs.TooMany) || !strings.Contains(err.Error(), "You follow 10") {
			t.Errorf("one more of the user %d gives %v", user+1, err)
		}
	}
	if _, err := s.take(nil); !errs.Is(err, errs.TooMany) || !strings.Contains(err.Error(), "100 clients") {
		t.Errorf("one more of somebody else gives %v", err)
	}
	leaves[0]()
	leaves[0]() // says nothing new
	if _, err := s.take(&auth.User{ID: 1}); err != nil {
		t.Errorf("the place that is free again gives %v", err)
	}
	if _, err := s.take(nil); !errs.Is(err, errs.TooMany) {
		t.Errorf("there is but one: %v", err)
	}
	for _, leave := range leaves[1:] {
		leave()
	}
	if s.all != 1 || len(s.of) != 1 {
		t.Errorf("%d places are taken, %v", s.all, s.of)
	}
}

// TestAFollowerOfALongLogIsHeardOf: each page is sent on its way, so that a client who has gone is noticed.
func TestAFollowerOfALongLogIsHeardOf(t *testing.T) {
	t.Parallel()
	f := newFollowed(t, testkit.SQLite(t))
	f.manyLines()
	f.to.gone = true
	f.follow(t.Context(), 0)
	<-f.done
	if n := strings.Count(f.to.String(), "event: log"); n != linesAtOnce {
		t.Errorf("%d lines were written for a client who has gone", n)
	}
}
