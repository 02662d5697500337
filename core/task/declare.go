package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Sealer seals and opens the arguments of schedules; core/secret has one.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Declared are the schedules of one app.
type Declared struct {
	// Origin is the label of the app.
	Origin    string
	Schedules []Schedule
}

// DeclaredName is the name of the row of an app's schedule. Names that operators give have no slash.
func DeclaredName(origin, name string) string { return origin + "/" + name }

// Declare makes the rows be what apps declare: what is new is added, to fire after its time has gone by once, what
// has changed is changed, and what is not declared any more is deleted. The schedules of operators, and of apps that
// are not among all, are left alone, and what an operator has paused stays paused. Several processes may do so at once.
func Declare(tx *db.Tx, box Sealer, all []Declared) error {
	if err := tx.LockKeys([]string{"task schedules"}, nil); err != nil {
		return fmt.Errorf("lock the schedules that apps declare: %w", err)
	}
	now, err := tx.Time()
	if err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	for _, app := range all {
		names := []string{""}
		for _, s := range app.Schedules {
			d := declaration{box: box, now: now, origin: app.Origin, Schedule: s}
			if err := d.keep(tx); err != nil {
				return fmt.Errorf("keep the schedule %q of %s: %w", s.Name, app.Origin, err)
			}
			names = append(names, d.name())
		}
		if err := tx.Where("origin = ? AND name NOT IN ?", app.Origin, names).Delete(&ScheduleRow{}).Error; err != nil {
			return fmt.Errorf("delete schedules that %s does not declare any more: %w", app.Origin, err)
		}
	}
	return nil
}

// declaration is one schedule on its way to its row.
type declaration struct {
	Schedule
	box    Sealer
	now    time.Time
	origin string
}

func (d *declaration) name() string { return DeclaredName(d.origin, d.Name) }

func (d *declaration) keep(tx *db.Tx) error {
	if (d.Every > 0) == (d.Cron != "") {
		panic("task: the schedule " + d.name() + " needs either an interval or a rule of cron")
	}
	plain, err := json.Marshal(d.Args)
	if err != nil {
		return errs.New(errs.Internal, "write the arguments as JSON: %w", err)
	}
	var found []ScheduleRow
	if err := tx.Where("name = ?", d.name()).Find(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		return d.add(tx, plain)
	}
	return d.change(tx, found[0], plain)
}

func (d *declaration) add(tx *db.Tx, plain []byte) (err error) {
	row := ScheduleRow{Base: model.NewBase(ident.DefaultDomain), Name: d.name(), Origin: d.origin, TaskName: d.Args.Kind()}
	d.times(&row)
	if row.Args, err = d.box.Seal(ArgsPurpose, plain); err != nil {
		return err
	}
	if row.NextDispatch, err = row.After(d.now); err != nil {
		return err
	}
	return tx.Create(&row).Error
}

// change writes what differs. Arguments are compared open: sealed, they never are the same twice.
func (d *declaration) change(tx *db.Tx, old ScheduleRow, plain []byte) (err error) {
	row := old
	row.Origin, row.TaskName = d.origin, d.Args.Kind()
	d.times(&row)
	timesDiffer := row.Cron != old.Cron || !equal(row.DispatchInterval, old.DispatchInterval)
	if timesDiffer && old.NextDispatch != nil {
		row.NextDispatch = nil
		if row.NextDispatch, err = row.After(d.now); err != nil {
			return err
		}
	}
	opened, err := d.box.Open(ArgsPurpose, old.Args)
	argsDiffer := err != nil || !bytes.Equal(opened, plain) // what no key opens any more is written anew
	if argsDiffer {
		if row.Args, err = d.box.Seal(ArgsPurpose, plain); err != nil {
			return err
		}
	}
	if !timesDiffer && !argsDiffer && row.TaskName == old.TaskName && row.Origin == old.Origin {
		return nil
	}
	row.Touch()
	return tx.Save(&row).Error
}

func (d *declaration) times(row *ScheduleRow) {
	row.Cron, row.TimeZone, row.DispatchInterval = d.Cron, "UTC", nil
	if d.Every > 0 {
		row.DispatchInterval = new(d.Every.Microseconds())
	}
}

func equal(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }
