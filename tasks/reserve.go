package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// A task is ready when no conflicting one holds its resources, and no conflicting one with a lower number waits for them
// (task.Blocking). Held are the resources of ready, running and canceling tasks; the locks of finished tasks are gone.

// lockKeys has decisions about these resources and caps follow one another, each seeing what the ones before have
// committed: so no two conflicting tasks are ready, and of two that wait for each other's decision the later sees all.
func lockKeys(tx *db.Tx, locks []task.Lock, caps []task.Cap) error {
	var exclusive, shared []string
	for _, l := range locks {
		if l.Exclusive {
			exclusive = append(exclusive, task.LockKey(l.Resource))
		} else {
			shared = append(shared, task.LockKey(l.Resource))
		}
	}
	for _, c := range caps {
		exclusive = append(exclusive, capKey(c.Cap))
	}
	return wrap(tx.DecideUnder(exclusive, shared), "wait for other decisions about the same resources")
}

// capKey is the key under which decisions about a cap follow one another.
func capKey(name string) string { return "task-cap:" + name }

// wants are the resources and caps of some tasks.
func wants(tx *db.Tx, seqs []int64) (locks []task.Lock, caps []task.Cap, err error) {
	err = errors.Join(
		tx.Where("task_seq IN ?", seqs).Find(&locks).Error,
		tx.Where("task_seq IN ?", seqs).Find(&caps).Error,
	)
	return locks, caps, err
}

// examine makes ready, in their order, those of the waiting tasks that may start, and tells how many did.
func (t *Tasks) examine(ctx context.Context, seqs []int64) (ready int, err error) {
	if len(seqs) == 0 {
		return 0, nil
	}
	err = t.db.InTx(ctx, func(tx *db.Tx) error {
		ready = 0
		locks, caps, err := wants(tx, seqs)
		if err != nil {
			return err
		}
		if err := lockKeys(tx, locks, caps); err != nil {
			return err
		}
		ready, err = t.admitAll(tx, seqs, caps)
		return err
	})
	return ready, wrap(err, "make waiting tasks ready")
}

// admitAll admits in the order of dispatch. A row that somebody else is changing is left to them: they free what it
// wants, or keep it.
func (t *Tasks) admitAll(tx *db.Tx, seqs []int64, caps []task.Cap) (ready int, err error) {
	query := "SELECT seq FROM core_tasks WHERE seq IN ? AND state = 'waiting' AND turn IS NULL ORDER BY seq"
	if tx.Dialect() == db.Postgres {
		query += " FOR NO KEY UPDATE SKIP LOCKED"
	}
	var mine []int64
	if err := tx.Raw(query, seqs).Scan(&mine).Error; err != nil {
		return 0, err
	}
	for _, seq := range mine {
		row, err := t.admit(tx, seq, caps)
		if err != nil {
			return ready, err
		}
		if row != nil {
			ready++
		}
	}
	return ready, nil
}

// advance gives the next in line their turn, in the transaction that has freed these resources and caps. The keys of
// those are locked first, as they were held, so that whoever is deciding about them now either sees them free or is seen
// here. What else the next in line want cannot be waited for, since others may wait the other way round: such a task is
// left for a look after the commit, and so is whoever comes after the first few, since the end of one task may set
// thousands free.
func (t *Tasks) advance(tx *db.Tx, freed []task.Lock, places []task.Cap) (ready int, later []int64, err error) {
	if len(freed) == 0 && len(places) == 0 {
		return 0, nil, nil
	}
	if err := lockKeys(tx, freed, places); err != nil {
		return 0, nil, err
	}
	next, err := heads(tx, freed)
	if err != nil {
		return 0, nil, err
	}
	waiting, err := t.parked(tx, places)
	if err != nil {
		return 0, nil, err
	}
	next = append(next, waiting...)
	slices.Sort(next)
	if next = slices.Compact(next); len(next) == 0 {
		return 0, nil, nil
	}
	some := next[:min(len(next), examinedAtOnce)]
	locks, caps, err := wants(tx, some)
	if err != nil {
		return 0, nil, err
	}
	free, refused, err := lockMore(tx, some, locks, caps, freed, places)
	if err != nil {
		return 0, nil, err
	}
	later = append(refused, next[len(some):]...)
	if len(free) > 0 {
		ready, err = t.admitAll(tx, free, caps)
	}
	return ready, later, err
}

// lockMore tries to lock what tasks want beyond what is locked already, and tells which of them can be decided about.
func lockMore(tx *db.Tx, seqs []int64, locks []task.Lock, caps []task.Cap, freed []task.Lock, places []task.Cap) (free, later []int64, err error) {
	taken := map[string]bool{} // whether exclusively
	for _, l := range freed {
		taken[task.LockKey(l.Resource)] = taken[task.LockKey(l.Resource)] || l.Exclusive
	}
	for _, c := range places {
		taken[capKey(c.Cap)] = true
	}
	refused := map[int64]bool{}
	try := func(seq int64, key string, exclusive bool) error {
		if has, there := taken[key]; refused[seq] || there && (has || !exclusive) {
			return nil
		}
		ours, err := tx.TryLockKey(key, exclusive)
		if ours {
			taken[key] = taken[key] || exclusive
		}
		refused[seq] = !ours
		return err
	}
	for _, l := range locks {
		if err := try(l.TaskSeq, task.LockKey(l.Resource), l.Exclusive); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range caps {
		if err := try(c.TaskSeq, capKey(c.Cap), true); err != nil {
			return nil, nil, err
		}
	}
	for _, seq := range seqs {
		if refused[seq] {
			later = append(later, seq)
		} else {
			free = append(free, seq)
		}
	}
	return free, later, nil
}

// heads gives the numbers of those that may have waited for these locks alone. A shared lock kept only exclusive ones
// waiting, of which just the first can be next. An exclusive lock kept everybody waiting: the first is next, and if it
// shares, so are all others that share until the first that does not.
func heads(tx *db.Tx, freed []task.Lock) (seqs []int64, err error) {
	exclusive := map[string]bool{}
	for _, l := range freed {
		exclusive[l.Resource] = exclusive[l.Resource] || l.Exclusive
	}
	table := db.Table{Columns: db.Columns("resource text", "alone boolean")}
	for _, r := range slices.Sorted(maps.Keys(exclusive)) {
		table.Rows = append(table.Rows, []any{r, exclusive[r]})
	}
	var sharing []string
	err = tx.Query(table, `SELECT w.resource,
		(SELECT min(o.task_seq) FROM core_task_locks o WHERE o.resource = w.resource AND o.exclusive AND NOT o.held),
		CASE WHEN w.alone THEN (SELECT min(o.task_seq) FROM core_task_locks o WHERE o.resource = w.resource AND NOT o.held) END
		FROM w`, func(read func(into ...any) error) error {
		var resource string
		var writer, first *int64
		if err := read(&resource, &writer, &first); err != nil {
			return err
		}
		switch {
		case first != nil && (writer == nil || *first < *writer):
			sharing = append(sharing, resource)
		case writer != nil:
			seqs = append(seqs, *writer)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the next in line: %w", err)
	}
	for _, resource := range sharing {
		var next []int64
		err := tx.Raw(`SELECT task_seq FROM core_task_locks WHERE resource = ? AND NOT held AND task_seq < COALESCE(
			(SELECT min(task_seq) FROM core_task_locks WHERE resource = ? AND exclusive AND NOT held), ?)
			ORDER BY task_seq`, resource, resource, int64(math.MaxInt64)).Scan(&next).Error
		if err != nil {
			return nil, fmt.Errorf("find the next in line for %s: %w", resource, err)
		}
		seqs = append(seqs, next...)
	}
	return seqs, nil
}

// wrap adds what was being done to an error, if there is one.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
