package tasks

import (
	"context"
	"runtime"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// clerk does the paper work of one worker: it writes the ends of tasks, and takes new ones for the places that are free.
// Whatever has come together meanwhile is done in one transaction, so under load a task costs a fraction of a commit, and
// the one that waited for another is begun by the commit that ended the other.
type clerk struct {
	t    *Tasks
	name string
	base context.Context
	// places is how many tasks run side by side, longPlaces how many of them may be long.
	places, longPlaces int

	ended chan *performed
	poked chan struct{}
	// shut lets no more tasks be taken, closing ends the clerk.
	shut, closing, done chan struct{}

	// running and long are the places that are taken. Only the clerk's own goroutine knows them.
	running, long int
}

// performed is an execution with its verdict.
type performed struct {
	x *execution
	v verdict
}

// together bounds the ends that are written in one transaction.
const together = 200

func (t *Tasks) newClerk(base context.Context, name string) *clerk {
	c := &clerk{t: t, name: name, base: base, places: t.o.Concurrency, longPlaces: t.o.Concurrency - t.o.ShortPlaces,
		ended: make(chan *performed, t.o.Concurrency), poked: make(chan struct{}, 1),
		shut: make(chan struct{}), closing: make(chan struct{}), done: make(chan struct{})}
	go c.work()
	return c
}

// poke has the clerk look for ready tasks.
func (c *clerk) poke(by string) {
	select {
	case c.poked <- struct{}{}:
		c.t.o.Observer.Woken(by)
	default:
	}
}

// end stops the clerk; all executions must have ended.
func (c *clerk) end() {
	close(c.closing)
	<-c.done
}

func (c *clerk) work() {
	defer close(c.done)
	every := time.NewTicker(c.t.o.LookEvery)
	defer every.Stop()
	for {
		var batch []*performed
		select {
		case p := <-c.ended:
			batch = append(batch, p)
		case <-c.poked:
		case <-every.C:
		case <-c.closing:
			return
		}
		c.round(c.gather(batch))
	}
}

// gather adds what has come together. Quick tasks end within microseconds of one another, so where others still run it
// lets them go first, a few times, rather than make a transaction for each.
func (c *clerk) gather(batch []*performed) []*performed {
	for yields := 0; len(batch) < together; {
		select {
		case p := <-c.ended:
			batch = append(batch, p)
		default:
			if yields++; yields > patienceWithQuick || len(batch) == 0 || len(batch) >= c.running {
				return batch
			}
			runtime.Gosched()
		}
	}
	return batch
}

// patienceWithQuick is how often the clerk lets others run before it writes the ends that it has.
const patienceWithQuick = 8

// round writes ends and takes tasks, in one transaction.
func (c *clerk) round(batch []*performed) {
	for _, p := range batch {
		c.leave(p.x.row)
	}
	a := c.appetite()
	if len(batch) == 0 && a.places == 0 {
		return
	}
	endings := make([]*ending, len(batch))
	for i, p := range batch {
		endings[i] = p.x.finished(p.v)
	}
	var claimed []task.Row
	if len(batch) > 0 {
		claimed = c.t.finish(endings, a)
	} else {
		claimed = c.look(a)
	}
	for i, p := range batch {
		p.x.told(&endings[i].row)
		c.t.running.leave(p.x.row.ID)
	}
	for i := range claimed {
		c.begin(&claimed[i])
	}
}

// look takes tasks where none end. That the database is away is no news to anybody who looks every second.
func (c *clerk) look(a appetite) []task.Row {
	ctx, cancel := context.WithTimeout(c.base, patience)
	defer cancel()
	var some bool
	err := c.t.db.Read(ctx).Raw("SELECT EXISTS (SELECT 1 FROM core_tasks WHERE state = 'waiting' AND turn IS NOT NULL)").Scan(&some).Error
	if err == nil && !some {
		return nil
	}
	var claimed []task.Row
	if err == nil {
		claimed, err = c.t.conclude(ctx, nil, a)
	}
	if err != nil {
		c.t.log.Debug("ready tasks could not be claimed, it will be tried again", "error", err)
	}
	return claimed
}

func (c *clerk) appetite() appetite {
	select {
	case <-c.shut:
		return appetite{name: c.name}
	default:
		return appetite{name: c.name, places: c.places - c.running, long: c.longPlaces - c.long}
	}
}

// begin runs a claimed task in a goroutine of its own.
func (c *clerk) begin(row *task.Row) {
	work, cancel := context.WithCancelCause(c.base)
	x := &execution{t: c.t, row: row, name: c.name, ctx: work, cancel: cancel}
	wake, mine := c.t.running.enter(row.ID, cancel)
	if !mine {
		cancel(nil)
		c.handBack(row)
		return
	}
	x.wake = wake
	c.enter(row)
	go func() {
		defer cancel(nil)
		p := &performed{x: x, v: x.perform()}
		select {
		case c.ended <- p:
		case <-c.done: // the process was stopped without waiting for it
		}
	}()
}

// handBack gives up a task that was claimed while the process had begun to stop.
func (c *clerk) handBack(row *task.Row) {
	if err := c.t.putBack(c.base, row.ID, c.name); err != nil {
		c.t.log.Warn("a task that was not begun could not be handed back, it will be when this process is gone", "task", row.ID, "error", err)
	}
}

func (c *clerk) enter(row *task.Row) {
	c.running++
	if row.Lane == task.LongLane {
		c.long++
	}
}

func (c *clerk) leave(row *task.Row) {
	c.running--
	if row.Lane == task.LongLane {
		c.long--
	}
}

// putBack makes a task ready again that the process of that name has claimed but not begun.
func (t *Tasks) putBack(ctx context.Context, id, name string) error {
	// detached: the process may be stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, _, err := t.settle(ctx, id, func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
		if row.Worker == nil || *row.Worker != name || row.State == task.Canceling {
			return verdict{state: task.Canceled}, row.State == task.Canceling, nil
		}
		err := tx.Exec("UPDATE core_tasks SET state = ?, worker = NULL, started_at = NULL WHERE id = ? AND state = ?", task.Waiting, id, task.Running).Error
		return verdict{}, false, err
	})
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	t.ring()
	return err
}
