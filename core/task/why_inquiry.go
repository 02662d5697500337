package task

import (
	"database/sql"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// inquiry gathers what one explanation needs.
type inquiry struct {
	read  *gorm.DB
	q     Question
	now   time.Time
	fleet fleet
	paces paces
	// parties are the other tasks that were met, by seq: one Party of each, so that hiding it hides it everywhere.
	parties map[int64]*Party
	pending []*Party
}

// whyColumns are those of core_tasks that are read; arguments and results may be long.
const whyColumns = `seq, id, domain_id, name, state, worker, error, flow, weight, lane, turn, cancel_by, sent_at, unblocked_at, started_at,
	finished_at, pulp_created, pulp_last_updated, task_group_id`

func (i *inquiry) explain(dialect db.Dialect, id string) (*Explanation, error) {
	var err error
	if i.now, err = clock(i.read, dialect); err != nil {
		return nil, err
	}
	var rows []Row
	if err := i.read.Raw("SELECT "+whyColumns+" FROM core_tasks WHERE id = ?", id).Scan(&rows).Error; err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errs.New(errs.NotFound, "there is no task %s, it may have been purged", id)
	}
	e := &Explanation{Task: ident.PRN("core.task", id), Kind: rows[0].Name, State: rows[0].State, now: i.now, byREST: i.q.ByREST,
		WaitsFor: []Awaited{}, Chain: []Link{}, Detail: Detail{Caps: []CapUse{}}}
	e.Standing, e.Since = standing(&rows[0])
	if e.Standing == Ended {
		e.End = ending(&rows[0])
		return e, nil
	}
	if i.fleet, err = readFleet(i.read, i.now); err != nil {
		return nil, err
	}
	if i.paces, err = readPaces(i.read); err != nil {
		return nil, err
	}
	e.fleet = i.fleet
	if e.Standing == Blocked {
		return e, i.blocked(e, &rows[0])
	}
	return e, i.unblocked(e, &rows[0])
}

// unblocked tells of a task that waits for no other one.
func (i *inquiry) unblocked(e *Explanation, row *Row) error {
	d, err := i.detail(row, e.Standing)
	if err != nil {
		return err
	}
	e.Detail = *d
	if err := i.load(); err != nil {
		return err
	}
	switch e.Standing {
	case Capped:
		e.LikelyStart, err = i.afterCaps(row.Seq, e.Caps)
	case Queued:
		e.LikelyStart, err = i.afterQueue(row)
	}
	return err
}

// blocked tells of a task that waits for resources.
func (i *inquiry) blocked(e *Explanation, row *Row) error {
	waits, err := i.waits(row.Seq)
	if err != nil {
		return err
	}
	if len(waits) == 0 {
		e.Standing = Unexamined
		return nil
	}
	e.WaitsFor, e.FurtherResources = waits[:min(len(waits), mostResources)], max(0, len(waits)-mostResources)
	if err := i.fill(row.Seq, e.WaitsFor); err != nil {
		return err
	}
	// Whoever was waited for may have ended since.
	if e.WaitsFor = slices.DeleteFunc(e.WaitsFor, func(w Awaited) bool { return len(w.Tasks) == 0 }); len(e.WaitsFor) == 0 {
		e.Standing = Unexamined
		return nil
	}
	if e.Chain, err = i.chain(e.WaitsFor); err != nil {
		return err
	}
	if err := i.load(); err != nil {
		return err
	}
	concealResources(e.Chain)
	if e.LikelyStart, err = i.afterLines(row.Seq, e.WaitsFor); err != nil {
		return err
	}
	return i.root(e)
}

// root says more about the task at the end of the chain.
func (i *inquiry) root(e *Explanation) (err error) {
	last := e.Chain[len(e.Chain)-1].Party
	if last.hidden() || last.Standing == Blocked {
		return nil
	}
	if e.Root, err = i.detail(&last.row, last.Standing); err != nil {
		return err
	}
	return i.load()
}

// detail says more about a task that waits for no other one.
func (i *inquiry) detail(row *Row, as Standing) (*Detail, error) {
	d := &Detail{Caps: []CapUse{}}
	var err error
	switch as {
	case Capped:
		d.Caps, err = i.caps(row)
	case Queued:
		d.Queue, err = i.queue(row)
	case Begun, Stopping:
		d.Run, err = i.run(row)
	}
	return d, err
}

// standing tells where a task stands and since when.
func standing(r *Row) (Standing, time.Time) {
	switch {
	case r.Final():
		return Ended, momentOr(r.FinishedAt, r.PulpLastUpdated)
	case r.State == Canceling:
		return Stopping, momentOr(r.StartedAt, r.PulpLastUpdated)
	case r.State == Running:
		return Begun, momentOr(r.StartedAt, r.PulpLastUpdated)
	case r.Turn != nil:
		return Queued, momentOr(r.SentAt, r.PulpLastUpdated)
	case r.UnblockedAt != nil:
		return Capped, *r.UnblockedAt
	}
	return Blocked, r.PulpCreated
}

func momentOr(at *time.Time, otherwise time.Time) time.Time {
	if at == nil {
		return otherwise
	}
	return *at
}

// clock is the time at the database, by which heartbeats are written.
func clock(read *gorm.DB, dialect db.Dialect) (time.Time, error) {
	var now serverTime
	err := read.Raw("SELECT " + dialect.Now()).Row().Scan(&now)
	return now.Time, err
}

// serverTime is a moment that an expression gave; SQLite knows the types of columns only, and gives text.
type serverTime struct{ time.Time }

// Scan takes a moment or its text.
func (t *serverTime) Scan(from any) (err error) {
	switch v := from.(type) {
	case time.Time:
		t.Time = v.UTC()
	case string:
		t.Time, err = time.Parse("2006-01-02 15:04:05.999999999-07:00", v)
	default:
		return errs.New(errs.Internal, "the database gave its time as %T", from)
	}
	return err
}

var _ sql.Scanner = (*serverTime)(nil)
