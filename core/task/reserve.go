package task

import (
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// Reserve adds an object that the task has just made, in the same transaction, to the task's own exclusive
// reservations, so that others wait for the task before they touch it (rest-contract §4.2). It is errs.Conflict when
// somebody has reserved the resource already.
func (r *Run) Reserve(tx *db.Tx, resource string) error {
	if err := Exclusive(resource).Check(); err != nil {
		return err
	}
	if err := tx.LockKeys([]string{LockKey(resource)}, nil); err != nil {
		return fmt.Errorf("reserve %s for the task: %w", resource, err)
	}
	var others int64
	if err := tx.Model(&Lock{}).Where("resource = ?", LockName(resource)).Count(&others).Error; err != nil {
		return fmt.Errorf("reserve %s for the task: %w", resource, err)
	}
	if others > 0 {
		return errs.New(errs.Conflict, "%s is reserved by a task already; reserve it when dispatching", resource)
	}
	if err := tx.Create(&Lock{Resource: LockName(resource), TaskSeq: r.Seq, Exclusive: true, Held: true}).Error; err != nil {
		return fmt.Errorf("reserve %s for the task: %w", resource, err)
	}
	return r.record(tx, resource)
}

// record adds an exclusive entry to what clients see.
func (r *Run) record(tx *db.Tx, resource string) error {
	var row Row
	if err := tx.Select("reserved_resources").Where("id = ?", r.ID).Take(&row).Error; err != nil {
		return fmt.Errorf("read the reservations of the task: %w", err)
	}
	now := LocksOf(row.ReservedResources).AndExclusive(resource).Record()
	if slices.Equal(now, row.ReservedResources) {
		return nil
	}
	return tx.Model(&Row{}).Where("id = ?", r.ID).Update("reserved_resources", Strings(now)).Error
}

// LockKey is the key, for db.Tx.LockKeys, under which decisions about a resource are taken one after the other.
func LockKey(resource string) string { return "task:" + LockName(resource) }
