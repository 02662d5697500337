package task_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

func TestResultOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result any
		want   string
		kind   errs.Kind
	}{
		"nil":                 {nil, "", ""},
		"a nil pointer":       {(*int)(nil), "", ""},
		"an object":           {map[string]int{"a": 1}, `{"a":1}`, ""},
		"as large as allowed": {strings.Repeat("x", task.MaxResult-2), `"` + strings.Repeat("x", task.MaxResult-2) + `"`, ""},
		"too large":           {strings.Repeat("x", task.MaxResult-1), "", errs.TooLarge},
		"no JSON":             {func() {}, "", errs.Internal},
		"NUL":                 {"a\x00b", "", errs.Internal},
		"what looks like NUL": {`a\u0000b`, `"a\\u0000b"`, ""},
		"NUL after backslash": {"\\\x00", "", errs.Internal},
	} {
		got, err := task.ResultOf(c.result)
		if string(got) != c.want || errs.KindOf(err) != c.kind {
			t.Errorf("%s: %.40q, %v", name, got, err)
		}
	}
}

func TestAPanicIsToldAsItMayBe(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("in the work: %w", task.Panicked("the secret is 7", debug.Stack()))
	if f := task.FailureOf(err, true); f.Code != task.CodeInternal || f.Traceback != "" || strings.Contains(f.Description, "secret") {
		t.Errorf("redacted: %+v", f)
	}
	f := task.FailureOf(err, false)
	if f.Description != "the task panicked: the secret is 7" || !strings.Contains(f.Traceback, "TestAPanicIsToldAsItMayBe") {
		t.Errorf("shown: %+v", f)
	}
}

// A full disk is told to those who asked, with its folder, and not as a fault of ours.
func TestAFullDiskIsTold(t *testing.T) {
	t.Parallel()
	h := task.Handle(func(context.Context, *task.Run, args) (any, error) {
		return nil, fmt.Errorf("keep the manifest: %w", &fs.PathError{Op: "write", Path: "/srv/packhouse/manifest", Err: syscall.ENOSPC})
	})
	_, err := h.Work(t.Context(), nil, []byte(`{}`))
	if f := task.FailureOf(err, true); !errs.Is(err, errs.StorageFull) || f.Code != "" || !strings.Contains(f.Description, "the disk of the folder /srv/packhouse is full") {
		t.Errorf("%v: %+v", err, f)
	}
}

func TestErrorsAreStoredWithinBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1<<20)
	for _, text := range []string{string(task.FailureOf(errors.New(long+"\xff\x00"), false).JSON()), string(task.Reason{Reason: long}.JSON())} {
		if len(text) > 70<<10 || !utf8.ValidString(text) || strings.Contains(text, `\ufffd`) {
			t.Errorf("%d bytes: %.40q", len(text), text)
		}
	}
}

func TestArgumentsOfAnotherVersion(t *testing.T) {
	t.Parallel()
	h := task.Handle(func(context.Context, *task.Run, args) (any, error) { return nil, nil })
	for raw, want := range map[string]string{`{"N": "hunter2"}`: "the member N should be a whole number", `"hunter2"`: "no JSON object", `{"N": `: "no JSON object"} {
		_, err := h.Work(t.Context(), nil, []byte(raw))
		f := task.FailureOf(err, true)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(f.Description, want) || !strings.Contains(f.Description, "another version") || strings.Contains(f.Description, "hunter2") {
			t.Errorf("%s: %+v", raw, f)
		}
	}
}

func TestLockNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 5000)
	same := "prn:core.domain:" + strings.Repeat("x", 184)
	for _, short := range []string{"a", same} {
		if got := task.LockName(short); got != short {
			t.Errorf("%s became %s", short, got)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{long, long + "b", "x" + long, same + "y", same + "z"} {
		got := task.LockName(name)
		if len(got) > 300 || !utf8.ValidString(got) || task.LockName(got) != got || task.LockKey(name) != task.LockKey(got) || seen[got] != "" {
			t.Errorf("%.20s… of %d bytes became %s, like %.20s…", name, len(name), got, seen[got])
		}
		seen[got] = name
	}
}

func FuzzLockName(f *testing.F) {
	for _, seed := range []string{"", "a", strings.Repeat("x", 201), strings.Repeat("ä", 150), "…sha256:", strings.Repeat("x", 150) + "…sha256:" + strings.Repeat("0", 64), "\xff" + strings.Repeat("\xe2", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := task.LockName(name)
		if len(name) <= 200 && got != name || len(got) > 250 || task.LockName(got) != got {
			t.Errorf("%q becomes %q", name, got)
		}
		if task.Exclusive(name).Check() == nil && !utf8.ValidString(got) {
			t.Errorf("%q is allowed and becomes %q", name, got)
		}
	})
}

func TestNamesOfResourcesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"": true, "a": true, strings.Repeat("x", 10_000): true, strings.Repeat("x", 64<<10): true, strings.Repeat("x", 64<<10+1): false,
		"a\x00": false, "a\xff": false, "shared:a": false, "ä": true} {
		for _, l := range []task.Locks{task.Exclusive("first", name), task.Shared("first", name)} {
			if err := l.Check(); (err == nil) != ok || err != nil && !errs.Is(err, errs.Invalid) || err != nil && len(err.Error()) > 400 {
				t.Errorf("%.20q of %d bytes: %v", name, len(name), err)
			}
		}
	}
}

// TestALongNameIsReserved by a running task; the record has it whole.
func TestALongNameIsReserved(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		name := strings.Repeat("x", 10_000)
		one, two := c.run(nil, time.Hour), c.run(nil, time.Hour)
		reserve := func(r *task.Run, name string) error {
			return r.InTx(t.Context(), func(tx *db.Tx) error { return r.Reserve(tx, name) })
		}
		must(t, reserve(one, name))
		if err := reserve(two, name); !errs.Is(err, errs.Conflict) {
			t.Errorf("somebody else's: %v", err)
		}
		if err := reserve(two, "a\x00"); !errs.Is(err, errs.Invalid) {
			t.Errorf("NUL: %v", err)
		}
		var row task.Row
		must(t, c.db.Read(t.Context()).Where("id = ?", one.ID).Take(&row).Error)
		if fmt.Sprint(row.ReservedResources) != fmt.Sprint([]string{name}) {
			t.Errorf("the record has %.60q", row.ReservedResources)
		}
	})
}
