package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// TestBadWorkFailsAndLeavesNothing ends in one clear answer each, with the resource free for the next.
func TestBadWorkFailsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker(func(o *Options) { o.Redact = false })
		b.set("panics", func(context.Context, *task.Run, jobArgs) (any, error) { panic("over there") })
		b.set("large", func(context.Context, *task.Run, jobArgs) (any, error) {
			return strings.Repeat("x", task.MaxResult), nil
		})
		b.set("fits", func(context.Context, *task.Run, jobArgs) (any, error) {
			return strings.Repeat("x", task.MaxResult-2), nil
		})
		b.set("nul", func(context.Context, *task.Run, jobArgs) (any, error) { return "a\x00", nil })
		b.set("talks", func(context.Context, *task.Run, jobArgs) (any, error) {
			return nil, errs.New(errs.Invalid, "%s", strings.Repeat("x", 1<<20))
		})
		for work, words := range map[string][]string{
			"panics": {"the task panicked: over there", `"traceback": "goroutine`, "badinput_test.go"},
			"large":  {"larger than the 1048576 bytes that are kept"},
			"nul":    {"U+0000"},
			"talks":  {"xxx …"},
		} {
			row := wait(t, m, dispatch(t, m, jobArgs{Work: work, Ex: []string{"r"}}).ID, task.Failed)
			text := strings.ReplaceAll(string(row.Error), `":"`, `": "`) // PostgreSQL writes JSON in its own way
			for _, word := range words {
				if !strings.Contains(text, word) {
					t.Errorf("%s says %.300s, without %q", work, text, word)
				}
			}
			if len(text) > 140<<10 {
				t.Errorf("%s says %d bytes", work, len(text))
			}
		}
		row := wait(t, m, dispatch(t, m, jobArgs{Work: "fits", Ex: []string{"r"}}).ID, task.Completed)
		if len(row.Result) != task.MaxResult {
			t.Errorf("a result of %d bytes", len(row.Result))
		}
		b.noLocks()
	})
}

func (b *bed) noLocks() {
	b.t.Helper()
	var left int64
	must(b.t, b.db.Read(b.t.Context()).Model(&task.Lock{}).Count(&left).Error)
	if left != 0 {
		b.t.Errorf("%d locks are left", left)
	}
}

func TestAResourceWithALongName(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		begun, release := make(chan string, 4), make(chan struct{})
		b.set("holds", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			begun <- run.ID
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil, ctx.Err()
		})
		name := strings.Repeat("ä", 5_000)
		first := dispatch(t, m, jobArgs{Work: "holds", Ex: []string{name}})
		receive(t, begun)
		next := dispatch(t, m, jobArgs{Ex: []string{name}})
		shares := dispatch(t, m, jobArgs{Sh: []string{name}})
		other := dispatch(t, m, jobArgs{Ex: []string{name + "b"}})
		wait(t, m, other.ID, task.Completed)
		for _, row := range []*task.Row{next, shares} {
			if now := load(t, m, row.ID); now.State != task.Waiting || now.UnblockedAt != nil {
				t.Errorf("beside one that holds the resource another is %s", now.State)
			}
		}
		close(release)
		for _, row := range []*task.Row{first, next, shares} {
			if done := wait(t, m, row.ID, task.Completed); !slices.ContainsFunc(done.ReservedResources, func(r string) bool { return strings.TrimPrefix(r, "shared:") == name }) {
				t.Errorf("the record does not have the name whole")
			}
		}
		b.noLocks()
	})
}

func TestNamesThatNoDatabaseTakesAreRefused(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		for _, name := range []string{"a\x00b", "a\xffb", "shared:a", strings.Repeat("x", 70_000)} {
			err := b.db.InTx(t.Context(), func(tx *db.Tx) error {
				_, err := m.Dispatch(t.Context(), tx, jobArgs{Sh: []string{"ok", name}})
				return err
			})
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%.20q: %v", name, err)
			}
		}
		var n int64
		must(t, b.db.Read(t.Context()).Model(&task.Row{}).Count(&n).Error)
		if n != 0 {
			t.Errorf("%d tasks are there", n)
		}
	})
}

// TestArgumentsOfAnotherVersionFailTheTask puts them in the row of a waiting task, as another version would have.
func TestArgumentsOfAnotherVersionFailTheTask(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		for _, args := range []any{map[string]any{"Ex": 7}, "text", []int{1}} {
			plain, err := json.Marshal(args)
			must(t, err)
			sealed, err := b.box.Seal(purpose, plain)
			must(t, err)
			row := dispatch(t, m, jobArgs{Ex: []string{"r"}})
			must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
				return tx.Exec("UPDATE core_tasks SET args = ? WHERE id = ?", sealed, row.ID).Error
			}))
		}
		unreadable := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_tasks SET args = ? WHERE id = ?", []byte("not sealed"), unreadable.ID).Error
		}))
		last := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		must(t, m.StartWorker(t.Context()))
		wait(t, m, last.ID, task.Completed)
		var failed []task.Row
		must(t, b.db.Read(t.Context()).Where("state = ?", task.Failed).Order("seq").Find(&failed).Error)
		if len(failed) != 4 || failed[3].ID != unreadable.ID {
			t.Fatalf("%d tasks failed", len(failed))
		}
		for _, row := range failed[:3] {
			if !strings.Contains(string(row.Error), "another version") {
				t.Errorf("it says %s", row.Error)
			}
		}
		b.noLocks()
	})
}

// TestWhatComesIntoACanceledGroup is dispatched while the group is being canceled: none of it runs on.
func TestWhatComesIntoACanceledGroup(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		var group *task.GroupRow
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) (err error) {
			group, err = task.NewGroup(tx, ident.DefaultDomain, "g", 0)
			return err
		}))
		b.set("holds", func(ctx context.Context, _ *task.Run, _ jobArgs) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		asked := make(chan error, 8)
		for i := range 8 {
			go func() {
				asked <- b.db.InTx(t.Context(), func(tx *db.Tx) error {
					_, err := m.Dispatch(t.Context(), tx, jobArgs{Work: "holds", Ex: []string{fmt.Sprint(i % 2)}}, task.Group(group.ID))
					return err
				})
			}()
		}
		must(t, receive(t, asked))
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return task.CancelGroup(tx, group.ID) }))
		var open []string
		must(t, b.db.Read(t.Context()).Model(&task.Row{}).Where("task_group_id = ? AND finished_at IS NULL", group.ID).Pluck("id", &open).Error)
		for _, id := range open {
			_, err := m.Cancel(t.Context(), id)
			must(t, err)
		}
		for range 7 {
			must(t, receive(t, asked))
		}
		var all []string
		must(t, b.db.Read(t.Context()).Model(&task.Row{}).Where("task_group_id = ?", group.ID).Pluck("id", &all).Error)
		if len(all) != 8 {
			t.Fatalf("%d tasks", len(all))
		}
		for _, id := range all {
			wait(t, m, id, task.Canceled)
		}
		b.noLocks()
		if err := b.db.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := m.Dispatch(t.Context(), tx, jobArgs{}, task.Group(ident.New()))
			return err
		}); !errs.Is(err, errs.NotFound) {
			t.Errorf("into a group that is not there: %v", err)
		}
	})
}
