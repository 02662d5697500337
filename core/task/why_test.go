package task_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// story is a database into which a test writes tasks as they may stand.
type story struct {
	t  testing.TB
	db *db.DB
}

func newStory(t testing.TB, url string) *story { return &story{t, tables.Open(t, url, "")} }

func (s *story) do(work func(tx *db.Tx) error) {
	s.t.Helper()
	if err := s.db.InTx(s.t.Context(), work); err != nil {
		s.t.Fatal(err)
	}
}

// task writes a waiting task, changed by change, with its locks.
func (s *story) task(kind string, locks task.Locks, change func(*task.Row)) *task.Row {
	s.t.Helper()
	row := newRow(kind, locks, change)
	s.do(func(tx *db.Tx) error { return insert(tx, row, locks) })
	return row
}

func newRow(kind string, locks task.Locks, change func(*task.Row)) *task.Row {
	now := model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: kind, State: task.Waiting, Args: []byte("sealed"), Weight: 4,
		ReservedResources: locks.Record(), PulpCreated: now, PulpLastUpdated: now}
	if change != nil {
		change(row)
	}
	return row
}

func insert(tx *db.Tx, row *task.Row, locks task.Locks) error {
	if err := tx.Create(row).Error; err != nil {
		return err
	}
	var all []task.Lock
	held := row.UnblockedAt != nil
	for _, r := range locks.Exclusive {
		all = append(all, task.Lock{Resource: r, TaskSeq: row.Seq, Exclusive: true, Held: held})
	}
	for _, r := range locks.Shared {
		all = append(all, task.Lock{Resource: r, TaskSeq: row.Seq, Held: held})
	}
	if len(all) == 0 {
		return nil
	}
	return tx.Create(all).Error
}

// worker makes a process known.
func (s *story) worker(name string, kinds string) {
	s.t.Helper()
	s.do(func(tx *db.Tx) error {
		now := model.Now()
		a := &task.AppStatus{ID: ident.New(), Name: name, AppType: "worker", Versions: model.JSON("{}"), TTLSeconds: 60, Concurrency: 4,
			LastHeartbeat: now, PulpCreated: now, PulpLastUpdated: now}
		if kinds != "" {
			a.Kinds = model.JSON(kinds)
		}
		return tx.Create(a).Error
	})
}

func (s *story) why(id string, q task.Question) *task.Explanation {
	s.t.Helper()
	e, err := task.Explain(s.t.Context(), s.db, id, q)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// says looks for words in the summary of a task.
func (s *story) says(row *task.Row, q task.Question, words ...string) *task.Explanation {
	s.t.Helper()
	e := s.why(row.ID, q)
	for _, word := range words {
		if !strings.Contains(e.Summary, word) {
			s.t.Errorf("the summary of %s lacks %q: %s", row.Name, word, e.Summary)
		}
	}
	if !strings.HasSuffix(e.Summary, e.Advice) {
		s.t.Errorf("the summary does not end with the advice %q: %s", e.Advice, e.Summary)
	}
	return e
}

func ready(r *task.Row) {
	now := model.Now()
	turn := int64(10)
	r.UnblockedAt, r.SentAt, r.Turn = &now, &now, &turn
}

func parked(r *task.Row) { now := model.Now(); r.UnblockedAt = &now }

func runningOn(worker string) func(*task.Row) {
	return func(r *task.Row) {
		ready(r)
		began := model.Now().Add(-10 * time.Second)
		r.State, r.Worker, r.StartedAt = task.Running, &worker, &began
	}
}

// ended writes n tasks of a kind that took some seconds.
func (s *story) ended(kind string, n int, seconds float64) {
	s.t.Helper()
	s.do(func(tx *db.Tx) error {
		for range n {
			end := model.Now()
			began := end.Add(-time.Duration(seconds * float64(time.Second)))
			row := newRow(kind, task.Locks{}, func(r *task.Row) { r.State, r.StartedAt, r.FinishedAt = task.Completed, &began, &end })
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWhyATaskIsBlocked(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", "")
		s.ended("sync", 3, 60)
		a := s.task("sync", task.Exclusive("repo a"), runningOn("w1"))
		b := s.task("sync", task.Exclusive("repo a", "repo b"), nil)
		c := s.task("sync", task.Exclusive("repo b").AndShared("domain"), nil)
		e := s.says(c, task.Question{}, "repo b (wanted exclusive)", "first in its line is the task "+b.ID+" (sync)",
			"waits for the task "+b.ID+" (sync), which waits for the task "+a.ID, "on w1 since", "packhouse task cancel "+a.ID)
		if e.Standing != task.Blocked || len(e.WaitsFor) != 1 || e.WaitsFor[0].Before != 1 || e.WaitsFor[0].Holders != 0 || len(e.Chain) != 2 || e.Root == nil || e.Root.Run == nil || e.LikelyStart != nil {
			t.Errorf("%+v", e)
		}
		e = s.says(b, task.Question{}, "held by the task "+a.ID, "likely to start in about")
		if left := time.Until(*e.LikelyStart); left < 30*time.Second || left > 60*time.Second {
			t.Errorf("it is likely to start in %s", left)
		}
		s.ended("sync", 1, 60)
		d := s.task("sync", task.Exclusive("repo a"), nil)
		if e = s.why(d.ID, task.Question{}); e.WaitsFor[0].Before != 1 || e.WaitsFor[0].Holders != 1 || e.LikelyStart == nil || time.Until(*e.LikelyStart) < 90*time.Second {
			t.Errorf("%+v", e)
		}
		free := s.task("sync", task.Exclusive("repo z"), nil)
		if e = s.says(free, task.Question{}, "are free"); e.Standing != task.Unexamined {
			t.Errorf("%+v", e)
		}
	})
}

func TestWhyACapKeepsATaskBack(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", "")
		group := &task.GroupRow{Base: model.NewBase(ident.DefaultDomain), Description: "x", AtMost: 1}
		s.do(func(tx *db.Tx) error { return tx.Create(group).Error })
		inGroup := func(r *task.Row) { r.TaskGroupID = &group.ID }
		first := s.task("job", task.Locks{}, func(r *task.Row) { runningOn("w1")(r); inGroup(r) })
		back := s.task("job", task.Locks{}, func(r *task.Row) { parked(r); inGroup(r) })
		caps := []task.Cap{
			{Cap: "task-group:" + group.ID, TaskSeq: first.Seq, Stage: task.Admitted}, {Cap: "task-group:" + group.ID, TaskSeq: back.Seq, Stage: task.Parked},
			{Cap: "kind:job", TaskSeq: first.Seq, Stage: task.Admitted}, {Cap: "kind:job", TaskSeq: back.Seq, Stage: task.Parked},
			{Cap: "group:staff", TaskSeq: back.Seq, Stage: task.Parked},
		}
		s.do(func(tx *db.Tx) error { return tx.Create(caps).Error })
		limit := func(string) int { return 9 }
		e := s.says(back, task.Question{Limit: limit}, "a cap keeps it back", "cap task-group:"+group.ID+" lets 1 task run at a time: 1 does, and no others wait before it", "raise the cap")
		if strings.Contains(e.Summary, "kind:job") || len(e.Caps) != 3 || !e.Caps[2].Full || e.Caps[1].Limit != 9 || e.Caps[2].Tasks[0].Worker != "w1" {
			t.Errorf("%+v", e)
		}
		nobody := func([]string) ([]string, error) { return nil, nil }
		e = s.why(back.ID, task.Question{Sees: nobody})
		if text, _ := json.Marshal(e); strings.Contains(string(text), "staff") || strings.Contains(string(text), first.ID) {
			t.Errorf("%s", text)
		}
	})
}

// TestWhyTellsThePlacesOfLongWork: as the workers say, and as is usual where one does not.
func TestWhyTellsThePlacesOfLongWork(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		for name, short := range map[string]any{"all": 0, "one": 3, "unsaid": nil} {
			s.worker(name, `["job"]`)
			s.do(func(tx *db.Tx) error {
				return tx.Exec("UPDATE core_app_statuses SET short_places = ? WHERE name = ?", short, name).Error
			})
		}
		if e := s.why(s.task("job", task.Locks{}, ready).ID, task.Question{}); e.Queue.Places != 12 || e.Queue.LongPlaces != 4+1+3 {
			t.Errorf("%+v", e.Queue)
		}
	})
}

func TestWhyAReadyTaskWaits(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		early := s.task("job", task.Locks{}, func(r *task.Row) { ready(r); *r.Turn = 3 })
		late := s.task("job", task.Locks{}, ready)
		e := s.says(late, task.Question{}, "1 task stands before it in the lane of short work", "No worker is online", "start a worker")
		if e.LikelyStart != nil {
			t.Errorf("%+v", e)
		}
		s.worker("w1", `["other"]`)
		s.says(late, task.Question{}, "The only online worker does not know the kind job", "enable the plugin")
		s.worker("w2", `["job"]`)
		e = s.says(early, task.Question{}, "2 online workers run 8 tasks at a time", "likely to start at once")
		if e.Queue.Known != "yes" || e.Queue.LongPlaces != 6 || e.LikelyStart == nil {
			t.Errorf("%+v", e.Queue)
		}
		for range 8 {
			s.task("job", task.Locks{}, runningOn("w2"))
		}
		s.says(late, task.Question{}, "8 are taken", "start another worker")
		waits := s.task("job", task.Exclusive("x"), nil)
		s.do(func(tx *db.Tx) error {
			return tx.Create(&task.Lock{Resource: "x", TaskSeq: early.Seq, Exclusive: true, Held: true}).Error
		})
		s.says(waits, task.Question{}, "held by the task "+early.ID, "waits for a worker", "start another worker")
	})
}

func TestWhyATaskStillRuns(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", "")
		row := s.task("sync", task.Locks{}, runningOn("w1"))
		began, changed, total := model.Now().Add(-10*time.Second), model.Now(), int64(200)
		s.do(func(tx *db.Tx) error {
			err := tx.Exec("INSERT INTO core_progress_reports (task_id, message, code, state, total, done, began_at, changed_at) VALUES (?, 'Files', 'x', 'running', ?, 100, ?, ?)", row.ID, total, began, changed).Error
			if err != nil {
				return err
			}
			return tx.Create(&task.LogLine{TaskID: row.ID, At: changed, Level: "INFO", Message: "fetched much"}).Error
		})
		e := s.says(row, task.Question{}, "on w1 since", "Files: 100 of 200", "fetched much", "likely to end in about")
		if left := time.Until(*e.Run.LikelyEnd); left < 5*time.Second || left > 11*time.Second || !e.Run.Online {
			t.Errorf("%s, %+v", left, e.Run)
		}
		s.do(func(tx *db.Tx) error {
			err := tx.Exec("UPDATE core_tasks SET state = 'canceling', cancel_by = ? WHERE id = ?", model.Now().Add(20*time.Second), row.ID).Error
			if err != nil {
				return err
			}
			return tx.Exec("UPDATE core_app_statuses SET last_heartbeat = ?", model.Now().Add(-time.Hour)).Error
		})
		s.says(row, task.Question{}, "the cancel is forced in about", "which is too long", "worker")
		s.do(func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_app_statuses").Error })
		s.says(row, task.Question{}, "not known any more")
	})
}

func TestHowATaskEnded(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		end := model.Now()
		began := end.Add(-3 * time.Second)
		bad := s.task("job", task.Locks{}, func(r *task.Row) {
			r.State, r.StartedAt, r.FinishedAt, r.Error = task.Failed, &began, &end, task.Failure{Description: "no connection"}.JSON()
		})
		s.says(bad, task.Question{}, "ended as failed after 3 s", "The error: no connection")
		s.says(s.task("job", task.Locks{}, func(r *task.Row) { r.State, r.FinishedAt = task.Canceled, &end }), task.Question{}, "ended as canceled without having begun")
		if _, err := task.Explain(t.Context(), s.db, ident.New(), task.Question{}); !errs.Is(err, errs.NotFound) {
			t.Errorf("a task that is not there gives %v", err)
		}
		fault := errors.New("out of order")
		s.task("job", task.Exclusive("x"), runningOn("w"))
		waits := s.task("job", task.Exclusive("x"), nil)
		if _, err := task.Explain(t.Context(), s.db, waits.ID, task.Question{Sees: func([]string) ([]string, error) { return nil, fault }}); !errors.Is(err, fault) {
			t.Errorf("a question about sight that fails gives %v", err)
		}
	})
}

// TestOthersAreHidden: what the asker may not see is told without anything that identifies it, wherever it stands.
func TestOthersAreHidden(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		s := newStory(t, url)
		s.worker("w1", "")
		root := s.task("secret.kind", task.Exclusive("hidden thing"), runningOn("w9"))
		s.do(func(tx *db.Tx) error {
			return tx.Create(&task.ProgressReport{TaskID: root.ID, Message: "Stealing", Code: "steal", State: task.Running, Done: 7}).Error
		})
		middle := s.task("secret.kind", task.Exclusive("mine", "hidden thing"), nil)
		me := s.task("job", task.Exclusive("mine"), nil)
		e := s.says(me, task.Question{Sees: func([]string) ([]string, error) { return nil, nil }}, "It waits for another task, which waits for another task, which has been running", "ask an administrator")
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{root.ID, middle.ID, "secret.kind", "hidden thing", "w9", "Stealing", "steal"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%q is told: %s", word, text)
			}
		}
		seeRoot := func([]string) ([]string, error) { return []string{root.ID}, nil }
		s.says(me, task.Question{Sees: seeRoot}, "which waits for the task "+root.ID, "Stealing: 7")
	})
}
