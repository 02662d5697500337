package task_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// lacks looks for words that a summary must not have.
func lacks(t *testing.T, e *task.Explanation, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(e.Summary, word) {
			t.Errorf("the summary has %q: %s", word, e.Summary)
		}
	}
}

// exec changes rows as a test wants them.
func (s *story) exec(statement string, values ...any) {
	s.t.Helper()
	s.do(func(tx *db.Tx) error { return tx.Exec(statement, values...).Error })
}

// TestNoStartIsForetoldBehindOverruns: while all places have tasks that take longer than usual, nobody knows when one gets
// free, unless their progress tells.
func TestNoStartIsForetoldBehindOverruns(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", `["job"]`)
		s.ended("job", 3, 60)
		var running []*task.Row
		for range 4 {
			running = append(running, s.task("job", task.Locks{}, runningOn("w1")))
		}
		s.task("other", task.Locks{}, runningOn("an API process")) // it has no place of a worker
		waits := s.task("job", task.Locks{}, ready)
		e := s.says(waits, task.Question{}, "This task is likely to start in about")
		if left := time.Until(*e.LikelyStart); left < 20*time.Second || left > 50*time.Second {
			t.Errorf("it is likely to start in %s", left)
		}
		s.exec("UPDATE core_tasks SET started_at = ? WHERE id = ?", model.Now().Add(-61*time.Second), running[0].ID)
		e = s.why(waits.ID, task.Question{})
		if lacks(t, e, "likely"); e.LikelyStart != nil || e.Queue.Taken != 4 {
			t.Errorf("behind an overrun: %+v", e.LikelyStart)
		}
		began, now, total := model.Now().Add(-61*time.Second), model.Now(), int64(161)
		s.do(func(tx *db.Tx) error {
			return tx.Create(&task.ProgressReport{TaskID: running[0].ID, Message: "Files", Code: "f", State: task.Running, Done: 61, Total: &total, BeganAt: &began, ChangedAt: &now}).Error
		})
		if e = s.why(waits.ID, task.Question{}); e.LikelyStart == nil || time.Until(*e.LikelyStart) < 51*time.Second {
			t.Errorf("with a report that tells the end: %+v", e.LikelyStart)
		}
	})
}

// TestNoEndIsForetoldOfTheDead: what ran in a process that is gone does not end as it would have.
func TestNoEndIsForetoldOfTheDead(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("gone", "")
		s.ended("sync", 3, 60)
		holder := s.task("sync", task.Exclusive("repo"), runningOn("gone"))
		waits := s.task("sync", task.Exclusive("repo"), nil)
		s.says(holder, task.Question{}, "It is likely to end in about")
		s.exec("UPDATE core_app_statuses SET last_heartbeat = ?", model.Now().Add(-time.Hour))
		for _, row := range []*task.Row{holder, waits} {
			e := s.says(row, task.Question{}, "which is too long", "No worker is online. What to do: start a worker")
			if lacks(t, e, "likely", "packhouse task cancel"); e.LikelyStart != nil {
				t.Errorf("%+v", e)
			}
		}
		s.worker("w1", "")
		for _, row := range []*task.Row{holder, waits} {
			e := s.says(row, task.Question{}, "which is too long", "workers give up the tasks of processes that are gone")
			if lacks(t, e, "likely", "No worker"); e.LikelyStart != nil {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestOneFigureForTheEnd: the end is told once, not also in the words of the report, which were written earlier.
func TestOneFigureForTheEnd(t *testing.T) {
	t.Parallel()
	s := newStory(t, testkit.SQLite(t))
	s.worker("w1", "")
	holder, waits := s.task("sync", task.Exclusive("repo"), runningOn("w1")), s.task("sync", task.Exclusive("repo"), nil)
	began, changed, total, suffix := model.Now().Add(-10*time.Second), model.Now(), int64(3000), "10/s, about 5 min left"
	s.do(func(tx *db.Tx) error {
		return tx.Create(&task.ProgressReport{TaskID: holder.ID, Message: "Files", Code: "f", State: task.Running, Done: 100, Total: &total, Suffix: &suffix, BeganAt: &began, ChangedAt: &changed}).Error
	})
	for _, row := range []*task.Row{holder, waits} {
		e := s.says(row, task.Question{}, "Files: 100 of 3,000, 10/s.", "It is likely to end in about 5 min.")
		if lacks(t, e, " left"); strings.Count(e.Summary, "It is likely") != 1 {
			t.Errorf("%s", e.Summary)
		}
	}
	s.says(waits, task.Question{}, "(Files: 100 of 3,000, 10/s)", "This task is likely to start in about 5 min.")
}

// TestACapThatTheseSettingsDoNotLimit: whoever asks with other settings than the server's is told so.
func TestACapThatTheseSettingsDoNotLimit(t *testing.T) {
	t.Parallel()
	s := newStory(t, testkit.SQLite(t))
	s.worker("w1", "")
	first, back := s.task("job", task.Locks{}, runningOn("w1")), s.task("job", task.Locks{}, parked)
	s.do(func(tx *db.Tx) error {
		return tx.Create([]task.Cap{{Cap: "user:1", TaskSeq: first.Seq, Stage: task.Admitted}, {Cap: "user:1", TaskSeq: back.Seq, Stage: task.Parked}}).Error
	})
	s.says(back, task.Question{}, "Under the cap user:1, 1 task runs and no others wait before it.", "These settings set no limit for that cap; give the --config of the server.")
	e := s.says(back, task.Question{ByREST: true}, "those of the workers do")
	lacks(t, e, "--config")
	e = s.says(back, task.Question{Limit: func(string) int { return 1 }}, "The cap user:1 lets 1 task run at a time: 1 does, and")
	lacks(t, e, "no limit", "--config")
}

// TestAdviceByREST: whoever asks by the REST API is told what to do with it, and no commands.
func TestAdviceByREST(t *testing.T) {
	t.Parallel()
	s := newStory(t, testkit.SQLite(t))
	holder := s.task("job", task.Exclusive("x"), runningOn("w1"))
	waits, queued := s.task("job", task.Exclusive("x"), nil), s.task("job", task.Locks{}, ready)
	rest := task.Question{ByREST: true}
	says := func(row *task.Row, words string) {
		t.Helper()
		lacks(t, s.says(row, rest, words), "packhouse ")
	}
	says(waits, "No worker is online. What to do: have a worker started")
	s.worker("w1", `["other"]`)
	says(waits, `cancel that task with PATCH {"state":"canceled"} to tasks/`+holder.ID+"/.")
	says(queued, "have the plugin of that kind enabled")
	s.worker("w2", `["job"]`)
	s.exec("UPDATE core_app_statuses SET concurrency = 1 WHERE name = 'w1'")
	s.exec("UPDATE core_app_statuses SET concurrency = 0 WHERE name = 'w2'")
	says(queued, "have another worker started")
	says(s.task("job", task.Locks{}, parked), "have the cap raised")
}

// TestTheHiddenIsNull: what is not told of another task is null, not an empty text.
func TestTheHiddenIsNull(t *testing.T) {
	t.Parallel()
	s := newStory(t, testkit.SQLite(t))
	s.task("job", task.Exclusive("x", "y"), runningOn("w1"))
	s.task("job", task.Exclusive("y", "z"), nil)
	me := s.task("job", task.Exclusive("z"), nil)
	text, err := json.Marshal(s.why(me.ID, task.Question{Sees: func([]string) ([]string, error) { return nil, nil }}))
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Chain []map[string]any }
	if err := json.Unmarshal(text, &told); err != nil || len(told.Chain) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	for n, link := range told.Chain {
		for _, member := range []string{"task", "kind", "worker", "progress", "resource"} {
			value, there := link[member]
			if mine := n == 0 && member == "resource"; !there || (value != nil) != mine {
				t.Errorf("link %d has %v as %s", n, value, member)
			}
		}
	}
}

// TestTheWordsFitTheNumbers: one and none of something are said as people say them.
func TestTheWordsFitTheNumbers(t *testing.T) {
	t.Parallel()
	s := newStory(t, testkit.SQLite(t))
	for _, name := range []string{"w1", "w2"} {
		s.worker(name, `["other"]`)
	}
	row := s.task("job", task.Locks{}, ready)
	s.says(row, task.Question{}, "None of the 2 online workers knows the kind job.")
	s.worker("w3", `["job"]`)
	s.says(row, task.Question{}, "none is taken, 0 by long work")
	s.task("job", task.Locks{}, runningOn("w3"))
	s.says(row, task.Question{}, "1 is taken")
	end := model.Now().Add(-41 * time.Second)
	began := end.Add(-79 * time.Second)
	done := s.task("job", task.Locks{}, func(r *task.Row) { r.State, r.StartedAt, r.FinishedAt = task.Completed, &began, &end })
	s.says(done, task.Question{}, "ended as completed after 1 min 19 s, at ", " s ago).")
}

// TestHoldersMayEndWhileSomebodyAsksWhy: between the reads of one explanation all who were in the way may go.
func TestHoldersMayEndWhileSomebodyAsksWhy(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", "")
		holder := s.task("job", task.Exclusive("x"), runningOn("w1"))
		waits := s.task("job", task.Exclusive("x"), nil)
		gone := 0
		before := s.db.Read(t.Context()).Callback().Row()
		err := before.Before("gorm:row").Register("end the holder", func(read *gorm.DB) {
			if gone == 0 && strings.Contains(read.Statement.SQL.String(), "SELECT count(*) FROM core_task_locks") {
				gone++
				s.exec("DELETE FROM core_task_locks WHERE task_seq = ?", holder.Seq)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := s.why(waits.ID, task.Question{}); gone != 1 || e.Standing != task.Unexamined || len(e.Chain)+len(e.WaitsFor) != 0 {
			t.Errorf("the holder went %d times: %+v", gone, e)
		}
	})
}
