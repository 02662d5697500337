package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// fireDue dispatches what is due by the clock of the database. Any number of schedulers may do so at once: whoever has
// the row of a schedule locked dispatches in the same transaction that moves its next dispatch on, and the others pass
// it by. A moment thus fires once, also when the clock is set back: the next dispatch that is noted only ever grows.
//
// Moments that went by while nobody was there are made up for by one dispatch, and the others are counted. A schedule
// whose last task is not finished waits for that, and what comes meanwhile is counted likewise.
func (t *Tasks) fireDue(ctx context.Context) error {
	var due []task.ScheduleRow
	err := t.db.Read(ctx).Select("id", "name").Where("next_dispatch <= " + t.db.Dialect().Now()).Order("next_dispatch").Find(&due).Error
	if err != nil {
		return fmt.Errorf("look for schedules that are due: %w", err)
	}
	var faults []error
	for _, s := range due {
		faults = append(faults, t.fire(ctx, s.ID, s.Name))
	}
	return errors.Join(faults...)
}

// firing is one look at one schedule.
type firing struct {
	row    task.ScheduleRow
	passed task.Passed
	fired  *task.Row
}

func (t *Tasks) fire(ctx context.Context, id, name string) error {
	var f *firing
	err := t.db.InTx(ctx, func(tx *db.Tx) (err error) {
		f, err = t.fireIn(ctx, tx, id)
		return err
	})
	switch {
	case err != nil:
		return t.cannotFire(id, name, err)
	case f == nil:
		return nil
	}
	t.noteFiring(f)
	return nil
}

// fireIn gives nil when there was nothing to do.
func (t *Tasks) fireIn(ctx context.Context, tx *db.Tx, id string) (*firing, error) {
	row, now, err := lockDue(tx, id)
	if row == nil || err != nil {
		return nil, err
	}
	args, err := row.OpenArgs(t.kinds, t.o.Box)
	if err != nil {
		return nil, fmt.Errorf("fire the schedule %q: %w", row.Name, err)
	}
	f := &firing{row: *row}
	if f.passed, err = row.Passed(now); err != nil {
		return nil, fmt.Errorf("fire the schedule %q: %w", row.Name, err)
	}
	busy, err := unfinished(tx, row.LastTaskID)
	if err != nil {
		return nil, err
	}
	change := map[string]any{"missed": row.Missed + f.passed.Missed, "next_dispatch": f.passed.Last}
	if busy && f.passed.Missed == 0 {
		return nil, nil // its moment waits for the last task
	}
	if !busy {
		ctx = task.WithOrigin(ctx, task.Origin{CID: "schedule:" + row.Name, DomainID: row.DomainID})
		if f.fired, err = t.Dispatch(ctx, tx, args); err != nil {
			return nil, fmt.Errorf("fire the schedule %q: %w", row.Name, err)
		}
		change["next_dispatch"], change["last_task_id"] = f.passed.Next, f.fired.ID
	}
	change["pulp_last_updated"] = model.Now()
	return f, wrap(tx.Model(&task.ScheduleRow{}).Where("id = ?", id).Updates(change).Error, "move the schedule %q on", row.Name)
}

// lockDue locks the row of a schedule that is due and that nobody else has in hand, nil otherwise, and gives the time
// at the database.
func lockDue(tx *db.Tx, id string) (*task.ScheduleRow, time.Time, error) {
	var found []task.ScheduleRow
	query := "SELECT * FROM core_task_schedules WHERE id = ? AND next_dispatch <= " + tx.Dialect().Now()
	if tx.Dialect() == db.Postgres {
		query += " FOR UPDATE SKIP LOCKED"
	}
	if err := tx.Raw(query, id).Scan(&found).Error; err != nil {
		return nil, time.Time{}, fmt.Errorf("lock a schedule that is due: %w", err)
	}
	if len(found) == 0 {
		return nil, time.Time{}, nil
	}
	now, err := tx.Time()
	return &found[0], now, err
}

// unfinished tells whether there is a task that has not ended.
func unfinished(tx *db.Tx, id *string) (bool, error) {
	if id == nil {
		return false, nil
	}
	var states []task.State
	if err := tx.Model(&task.Row{}).Where("id = ?", *id).Pluck("state", &states).Error; err != nil {
		return false, fmt.Errorf("look at the last task of a schedule: %w", err)
	}
	return len(states) > 0 && !states[0].Final(), nil
}
