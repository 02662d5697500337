package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// logged is a task that runs, and what it has saved of its log.
type logged struct {
	t   testing.TB
	db  *db.DB
	row *task.Row
	*task.Run
	process strings.Builder
}

func newLogged(t testing.TB, url string, change func(*task.Setup)) *logged {
	t.Helper()
	return logIn(t, tables.Open(t, url, ""), change)
}

func logIn(t testing.TB, d *db.DB, change func(*task.Setup)) *logged {
	t.Helper()
	l := &logged{t: t, db: d}
	worker, now := "7@host", model.Now()
	l.row = &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.says", State: task.Running, Args: []byte("{}"), Worker: &worker, StartedAt: &now, PulpCreated: now, PulpLastUpdated: now}
	setup := task.Setup{DB: l.db, Row: l.row, Folder: t.TempDir(), SaveEvery: time.Hour, Log: slog.New(slog.NewTextHandler(&l.process, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&setup)
	}
	must(t, l.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(l.row).Error }))
	l.Run = task.NewRun(setup)
	return l
}

func (l *logged) saved() (lines []task.LogLine) {
	l.t.Helper()
	must(l.t, l.db.Read(l.t.Context()).Where("task_id = ?", l.row.ID).Order("id").Find(&lines).Error)
	return lines
}

// texts are lines as people read them, without their times.
func texts(lines []task.LogLine) (out []string) {
	for i := range lines {
		out = append(out, lines[i].Text()[len("2006-01-02T15:04:05.000Z "):])
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestATaskHasALogOfItsOwn(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		l := newLogged(t, url, nil)
		l.Log().Debug("not kept")
		l.Log().With("repository", "r").WithGroup("files").Info("compared", "new", 3, "gone", 0)
		l.Note(t.Context(), slog.LevelWarn, "for readers of the task alone")
		l.ProcessLog().Info("for operators alone")
		l.NoteEnd(t.Context(), task.Completed)
		must(t, l.Close(t.Context()))
		l.Log().Info("after the end")
		got := fmt.Sprintf("%q", texts(l.saved()))
		want := fmt.Sprintf("%q", []string{`INFO  The task began. worker="7@host"`, `INFO  compared files={"gone":0,"new":3} repository="r"`, `WARN  for readers of the task alone`, `INFO  The task ended. state="completed"`})
		if got != want && got != strings.Replace(want, `{\"gone\":0,\"new\":3}`, `{\"new\":3,\"gone\":0}`, 1) {
			t.Errorf("the log is\n%s, want\n%s", got, want)
		}
		for _, text := range []string{"not kept", "compared", "for operators alone", "after the end", "task=" + l.row.ID} {
			if !strings.Contains(l.process.String(), text) {
				t.Errorf("the log of the process lacks %q: %s", text, l.process.String())
			}
		}
		if strings.Contains(l.process.String(), "for readers") {
			t.Error("what is for the task's log alone is in that of the process")
		}
	})
}

func TestATaskThatSaysNothingHasNoLog(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), nil)
	l.Log().Debug("too little")
	l.NoteEnd(t.Context(), task.Completed)
	if lines := l.TakeLog(); len(lines) > 0 {
		t.Errorf("there are %q", texts(lines))
	}
	must(t, l.Close(t.Context()))
	if lines := l.saved(); len(lines) > 0 {
		t.Errorf("%q are saved", texts(lines))
	}
}

func TestTheLogIsSavedBesideTheWork(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), func(s *task.Setup) { s.SaveEvery = time.Millisecond })
	l.Log().Info("under way")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for every := time.NewTicker(time.Millisecond); len(l.saved()) == 0; {
		select {
		case <-every.C:
		case <-ctx.Done():
			t.Fatal("nothing is saved before the end")
		}
	}
	must(t, l.Close(t.Context()))
}

func TestWhatWasNotSavedIsTakenOnce(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), nil)
	l.Log().Info("one")
	lines := l.TakeLog()
	if got := fmt.Sprint(texts(lines)); got != `[INFO  The task began. worker="7@host" INFO  one]` {
		t.Errorf("taken are %s", got)
	}
	l.Log().Info("two")
	must(t, l.Close(t.Context()))
	if rest := append(l.TakeLog(), l.saved()...); len(rest) > 0 {
		t.Errorf("there is more: %q", texts(rest))
	}
	must(t, l.db.InTx(t.Context(), func(tx *db.Tx) error { return task.SaveLog(tx, lines) }))
	must(t, l.db.InTx(t.Context(), func(tx *db.Tx) error { return task.NoteLater(tx, l.row.ID, "ERROR", "The worker\x00 is gone.") }))
	if got := texts(l.saved()); len(got) != 3 || got[2] != "ERROR The worker\uFFFD is gone." {
		t.Errorf("saved are %q", got)
	}
}

func TestALogHasBounds(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		d := tables.Open(t, url, "")
		for name, say := range map[string]func(l *logged){
			"lines": func(l *logged) {
				for i := range 20_000 {
					l.Log().Info("line", "i", i)
				}
			},
			"bytes": func(l *logged) {
				long := strings.Repeat("x", 7000)
				for i := range 1000 {
					l.Log().Info("line", "i", i, "long", long)
				}
			},
			"long lines": func(l *logged) {
				l.Log().Info(strings.Repeat("ä", 1<<20), "i", 1)
				l.Log().Info("line", "i", 2, "long", strings.Repeat("x", 1<<20))
			},
		} {
			l := logIn(t, d, nil)
			say(l)
			must(t, l.Close(t.Context()))
			lines, size := l.saved(), 0
			for _, line := range lines {
				one := len(line.Message) + len(line.Attributes)
				if size += one; one > 9<<10 {
					t.Errorf("%s: a line has %d bytes", name, one)
				}
			}
			if len(lines) > 10_000 || size > 4<<20 {
				t.Errorf("%s: there are %d lines and %d bytes", name, len(lines), size)
			}
			first, last := lines[1].Text(), lines[len(lines)-1].Text()
			switch name {
			case "lines":
				left := lines[len(lines)-101].Text()
				if !strings.HasSuffix(first, "i=0") || !strings.HasSuffix(last, "i=19999") || !strings.Contains(left, "10002 lines were left out here") {
					t.Errorf("the log goes from %s over %s to %s", first, left, last)
				}
			case "bytes":
				if !strings.Contains(first, "i=0 ") || !strings.Contains(last, "i=999 ") {
					t.Errorf("the log goes from %.60s to %.60s", first, last)
				}
			case "long lines":
				if !strings.Contains(first, "bytes were left out)") || !strings.HasSuffix(last, `line left_out="1048593 bytes"`) {
					t.Errorf("the log goes from …%s to %.90s", first[len(first)-60:], last)
				}
			}
		}
	})
}

// canary is what must not be found in any log of a task.
const canary = "canary-3141592"

// hides shows itself in no log.
type hides struct{ Inner string }

func (hides) LogValue() slog.Value { return slog.StringValue("hidden") }

func TestSecretsStayOutOfTheLog(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		l := newLogged(t, url, nil)
		l.Log().Info("a", "setting", config.NewSecret(canary), "struct", struct{ S config.Secret }{config.NewSecret(canary)}, "h", hides{canary})
		l.Log().Info("b", "proxy_password", canary, "Authorization", canary, slog.Group("g", "api_token", canary, "client_key", canary))
		l.Log().With("secret", canary).Info("c", "url", "https://me:"+canary+"@host/x", "list", []string{"ftp://" + canary + "@host"})
		l.Log().Info("fetch https://me:" + canary + "@host/x")
		l.Log().Error("d", "error", fmt.Errorf("what only operators may know: %w", errors.New(canary)))
		l.Log().Error("e", "error", errs.New(errs.Unavailable, "%s", "https://me:"+canary+"@host/ is not there"))
		l.Log().Error("f", "error", errs.New(errs.Internal, "%s", canary))
		must(t, l.Close(t.Context()))
		raw, err := json.Marshal(l.saved())
		must(t, err)
		if len(l.saved()) != 8 || strings.Contains(string(raw), canary) {
			t.Errorf("the canary is in %s", raw)
		}
		for _, text := range []string{"An internal error occurred", "host/ is not there", "//******@host/x", "hidden"} {
			if !strings.Contains(string(raw), text) {
				t.Errorf("%q is not in %s", text, raw)
			}
		}
	})
}

// JSON has durations as nanoseconds; people read them as the log of the process has them.
func TestDurationsAreReadable(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), nil)
	l.Log().Info("slept", "wait", 297837554*time.Nanosecond, slog.Group("g", "took", time.Minute))
	must(t, l.Close(t.Context()))
	if line := l.saved()[1].Text(); !strings.HasSuffix(line, `INFO  slept g={"took":"1m0s"} wait="297.837554ms"`) {
		t.Error(line)
	}
}

func TestFaultsOfOursAreShownWhereTheyMay(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), func(s *task.Setup) { s.ShowFaults = true })
	l.Log().Error("f", "error", errors.New("the inside"))
	must(t, l.Close(t.Context()))
	if got := texts(l.saved()); got[1] != `ERROR f error="the inside"` {
		t.Errorf("shown is %q", got)
	}
}

func TestTheLogTakesAnyText(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		l := newLogged(t, url, nil)
		odd := "a\x00b\xff\u2028\x1b[31m\r\n\"\\u0000 😀"
		l.Log().Info(odd, odd, odd, "raw", json.RawMessage(`{"a":"\ud800","b":"\u0000","c":"\\u0000"}`), "at", time.Time{}, "nan", func() {})
		l.Log().LogAttrs(t.Context(), slog.LevelError+4, "", slog.Any("msg", "m"), slog.Any("time", 1), slog.Any("level", 2), slog.Any("a", nil))
		must(t, l.Close(t.Context()))
		lines := l.saved()
		if len(lines) != 3 || lines[2].Level != "ERROR" {
			t.Fatalf("there are %q", texts(lines))
		}
		for _, line := range texts(lines) {
			if strings.ContainsAny(line, "\x00\x1b\r\n") {
				t.Errorf("%q would disturb a terminal", line)
			}
		}
		if got := texts(lines)[2]; got != `ERROR  a=null level=2 msg="m" time=1` {
			t.Errorf("the attributes are %s", got)
		}
	})
}

func TestLevelsFrom(t *testing.T) {
	t.Parallel()
	for least, want := range map[string]string{"": "[DEBUG INFO WARN ERROR]", "info": "[INFO WARN ERROR]", "ERROR": "[ERROR]"} {
		if got, err := task.LogLevelsFrom(least); err != nil || fmt.Sprint(got) != want {
			t.Errorf("from %q on there are %v, %v", least, got, err)
		}
	}
	if _, err := task.LogLevelsFrom("loud"); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown level gives %v", err)
	}
}

// FuzzLogged: whatever a task says can be kept, and secrets by name stay out.
func FuzzLogged(f *testing.F) {
	f.Add("message", "name", "value")
	f.Add("\x00\xff", "a.b\x00", "\ud7ff\\ud800\\u0000")
	f.Add("https://u:p@h", "password", "{\"a\":")
	f.Fuzz(func(t *testing.T, message, name, value string) {
		row := &task.Row{ID: ident.New(), Worker: &name}
		run := task.NewRun(task.Setup{Row: row, DB: nil, SaveEvery: time.Hour})
		run.Log().Info(message, name, value, "password", canary, "raw", json.RawMessage(value))
		for _, line := range run.TakeLog() {
			if strings.Contains(line.Message+string(line.Attributes), "\x00") || strings.Contains(string(line.Attributes), canary) {
				t.Fatalf("kept as %q", line.Attributes)
			}
			if len(line.Attributes) > 0 && !json.Valid(line.Attributes) {
				t.Fatalf("the attributes are %q", line.Attributes)
			}
			if strings.ContainsAny(line.Text(), "\n\x1b") {
				t.Fatalf("shown as %q", line.Text())
			}
		}
		must(t, run.Close(t.Context()))
	})
}
