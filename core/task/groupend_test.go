package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// cancels are the tasks that were canceled, with what is said to some of them.
type cancels struct {
	ids    []string
	faults map[string]error
}

func (c *cancels) Cancel(_ context.Context, id string) (*task.Row, error) {
	c.ids = append(c.ids, id)
	return nil, c.faults[id]
}

// add writes a task of the group.
func (c *crew) add(state task.State) string {
	c.t.Helper()
	now := model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.member", State: state, Args: []byte("x"), TaskGroupID: &c.group, PulpCreated: now, PulpLastUpdated: now}
	must(c.t, c.db.InTx(c.t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
	return row.ID
}

func (c *crew) canceled() bool {
	c.t.Helper()
	var row task.GroupRow
	must(c.t, c.db.Read(c.t.Context()).Where("id = ?", c.group).Take(&row).Error)
	return row.Canceled
}

func TestAGroupIsEndedFromItsNewestTask(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		a, b, done, d := c.add(task.Waiting), c.add(task.Running), c.add(task.Completed), c.add(task.Waiting)
		var asked [][]string
		newcomer := ""
		by := &cancels{faults: map[string]error{b: errs.New(errs.Conflict, "it has ended"), a: errs.New(errs.NotFound, "it is gone")}}
		n, err := task.EndGroup(t.Context(), c.db, by, c.group, func(ids []string) error {
			if asked = append(asked, ids); newcomer == "" {
				newcomer = c.add(task.Waiting)
			}
			return nil
		})
		if err != nil || n != 4 || !slices.Equal(by.ids, []string{newcomer, d, b, a}) || !c.canceled() {
			t.Errorf("%d, %v; canceled are %v, want %v", n, err, by.ids, []string{newcomer, d, b, a})
		}
		if want := [][]string{{a, b, done, d}, {newcomer}}; fmt.Sprint(asked) != fmt.Sprint(want) {
			t.Errorf("asked about were %v, want %v", asked, want)
		}
	})
}

func TestAGroupIsNotEnded(t *testing.T) {
	t.Parallel()
	c := newCrew(t, testkit.SQLite(t))
	one := c.add(task.Waiting)
	refused := errors.New("refused")
	by := &cancels{}
	if _, err := task.EndGroup(t.Context(), c.db, by, c.group, func([]string) error { return refused }); !errors.Is(err, refused) || len(by.ids) > 0 || c.canceled() {
		t.Errorf("by who may not: %v, %v", err, by.ids)
	}
	by.faults = map[string]error{one: errors.New("the database is away")}
	if _, err := task.EndGroup(t.Context(), c.db, by, c.group, nil); !errors.Is(err, by.faults[one]) {
		t.Errorf("by a failing one: %v", err)
	}
	if _, err := task.EndGroup(t.Context(), c.db, by, ident.New(), nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}
