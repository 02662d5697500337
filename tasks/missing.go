package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// orphaned is true of a running or canceling task in t whose process is not known any more.
const orphaned = `t.state IN ('running', 'canceling')
	AND NOT EXISTS (SELECT 1 FROM core_app_statuses s WHERE s.name = t.worker)`

// buryMissing takes processes off the list that have given no sign of life within their time. One that comes back puts
// itself on the list again. The heartbeat of witness, one of this process, is the present by the clock of the database. As
// that may be set, witness must itself have seen no beat for half of the time; and whoever it has seen none of for twice
// the time is missing whatever the clock says.
func (t *Tasks) buryMissing(ctx context.Context, witness *process) error {
	if err := witness.beat(ctx); err != nil {
		return fmt.Errorf("beat before looking for missing processes: %w", err)
	}
	var all []task.AppStatus
	if err := t.db.Read(ctx).Find(&all).Error; err != nil {
		return fmt.Errorf("look for missing processes: %w", err)
	}
	own := slices.IndexFunc(all, func(a task.AppStatus) bool { return a.Name == witness.name })
	if own < 0 {
		return nil // Taken off the list by another process, a moment ago. It is not for us to judge.
	}
	beats := map[string]time.Time{}
	for _, a := range all {
		beats[a.Name] = a.LastHeartbeat
	}
	silent := witness.others.look(beats)
	var faults []error
	for _, a := range all {
		ttl := time.Duration(a.TTLSeconds) * time.Second
		missing := silent[a.Name] >= 2*ttl || silent[a.Name] >= ttl/2 && !a.Online(all[own].LastHeartbeat)
		if missing && !slices.Contains(t.selves(), a.Name) {
			faults = append(faults, t.bury(ctx, a))
		}
	}
	return errors.Join(faults...)
}

// bury takes one process off the list unless it has beaten meanwhile.
func (t *Tasks) bury(ctx context.Context, a task.AppStatus) error {
	return t.db.InTx(ctx, func(tx *db.Tx) error {
		gone := tx.Where("id = ? AND last_heartbeat = ?", a.ID, a.LastHeartbeat).Delete(&task.AppStatus{})
		if gone.Error == nil && gone.RowsAffected > 0 {
			t.o.Observer.Swept("buried", 1)
			t.log.Warn("a process is missing, its tasks are given up", "name", a.Name, "type", a.AppType, "last_heartbeat", a.LastHeartbeat)
		}
		return wrap(gone.Error, "take the missing process %s off the list", a.Name)
	})
}

// buryAll takes every other process off the list.
func (t *Tasks) buryAll(ctx context.Context) error {
	return t.db.InTx(ctx, func(tx *db.Tx) error {
		return wrap(tx.Where("name NOT IN ?", t.names()).Delete(&task.AppStatus{}).Error, "take earlier processes off the list")
	})
}

// names are the names of this process, never an empty list, which SQL does not take.
func (t *Tasks) names() []string { return append(t.selves(), "") }

// settleOrphans ends the tasks of processes that are not known any more.
func (t *Tasks) settleOrphans(ctx context.Context) error {
	var ids []string
	if err := t.db.Read(ctx).Raw("SELECT t.id FROM core_tasks t WHERE " + orphaned + " ORDER BY t.seq").Scan(&ids).Error; err != nil {
		return fmt.Errorf("look for tasks of missing processes: %w", err)
	}
	var faults []error
	for _, id := range ids {
		_, settled, err := t.settle(ctx, id, func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
			var still bool
			err := tx.Raw("SELECT EXISTS (SELECT 1 FROM core_tasks t WHERE t.id = ? AND "+orphaned+")", id).Scan(&still).Error
			if err != nil || !still {
				return verdict{}, false, err
			}
			return asRequested(row, failedFor("Worker has gone missing.")), true, task.NoteLater(tx, id, slog.LevelWarn.String(), "The process that ran the task is gone; the task was given up.")
		})
		if settled {
			t.log.Warn("a task was given up, its process is missing", "task", id)
			t.o.Observer.Swept("given up", 1)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// releaseStranded puts back tasks that this process has claimed without knowing it, because the answer of the database
// got lost: their work has never begun.
func (t *Tasks) releaseStranded(ctx context.Context) error {
	rows, err := t.stranded(ctx)
	if err != nil {
		return fmt.Errorf("look for tasks that were claimed but not begun: %w", err)
	}
	var faults []error
	for _, row := range rows {
		if t.running.gaveUp(row.ID) {
			_, _, err := t.settle(ctx, row.ID, func(_ *db.Tx, row *task.Row) (verdict, bool, error) {
				return asRequested(row, failedFor("The end of the work could not be saved.")), true, nil
			})
			faults = append(faults, err)
			continue
		}
		t.log.Warn("a task was claimed but not begun, it is put back", "task", row.ID)
		faults = append(faults, wrap(t.putBack(ctx, row.ID, *row.Worker), "put back task %s", row.ID))
	}
	if len(rows) > 0 {
		t.o.Observer.Swept("put back", len(rows))
	}
	return errors.Join(faults...)
}

// stranded finds rows that say that we run them, although we have not had them in hand since before they were read, and
// not just now: a claim whose answer is on its way is old too when the clock has been put forward.
func (t *Tasks) stranded(ctx context.Context) (out []task.Row, err error) {
	inHand := map[string]bool{}
	for _, id := range t.running.ids() {
		inHand[id] = true
	}
	var rows []task.Row
	err = t.db.Read(ctx).Where("state IN ? AND worker IN ? AND started_at < ?",
		[]task.State{task.Running, task.Canceling}, t.names(), model.Now().Add(-t.o.StrandedAfter)).Find(&rows).Error
	claims := map[string]time.Time{}
	for _, row := range rows {
		if !inHand[row.ID] {
			claims[row.ID] = *row.StartedAt
		}
	}
	seen := t.strangers.look(claims)
	for _, row := range rows {
		if since, stranger := seen[row.ID]; stranger && since >= t.o.StrandedAfter/10 {
			out = append(out, row)
		}
	}
	return out, err
}
