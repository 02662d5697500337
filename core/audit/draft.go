package audit

import (
	"context"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// patience is how long an entry may take that is written after the work.
const patience = 5 * time.Second

// Draft is the entry of one request or command while that runs. It is safe for concurrent use; a nil Draft takes
// everything and records nothing.
type Draft struct {
	log *Log
	// changes tells that the work may change something.
	changes bool
	// expected gives the status of the answer if all goes well, from whether a task was dispatched.
	expected func(task bool) int

	mu    sync.Mutex
	entry Entry
	// login marks a log-in, failed or not, which is recorded whatever was asked for; open marks what is open to all.
	login, open bool
	// because is why it is refused, where no error says so.
	because string
	// committed is the status of the entry that was committed with a change; -1 before.
	committed int
	// tasked is the transaction that dispatches the task.
	tasked *db.Tx
}

// Begin starts the entry of something that may change something (changes) or only reads. expected gives the status of
// the answer if all goes well, from whether a task was dispatched; it is asked when a change is committed, before the
// answer is known.
func (l *Log) Begin(e Entry, changes bool, expected func(task bool) int) *Draft {
	if l == nil {
		return nil
	}
	return &Draft{log: l, entry: e, changes: changes, expected: expected, committed: -1}
}

type draftKey struct{}

// From gives the draft of a context; nil when there is none.
func From(ctx context.Context) *Draft {
	d, _ := ctx.Value(draftKey{}).(*Draft)
	return d
}

// Carry gives a context that carries the draft.
func (d *Draft) Carry(ctx context.Context) context.Context {
	if d == nil {
		return ctx
	}
	return context.WithValue(ctx, draftKey{}, d)
}

// Along gives a context that carries the draft. If the work may change something, the first transaction that is
// committed with the context holds the entry too.
func (d *Draft) Along(ctx context.Context) context.Context {
	if d == nil {
		return ctx
	}
	ctx = d.Carry(ctx)
	if !d.changes {
		return ctx
	}
	return db.Along(ctx, d.commit)
}

// By says who does it.
func (d *Draft) By(id int64, name, via string) {
	d.set(func(e *Entry) { e.UserID, e.User, e.Via = &id, name, via })
}

// Refused says that somebody who claimed to be name failed to prove it.
func (d *Draft) Refused(name, via string) {
	d.set(func(e *Entry) { e.User, e.Via, d.login = name, via, true })
}

// LoggedIn says that somebody has just proved who it is, by a request that reads.
func (d *Draft) LoggedIn(id int64, name, via string) {
	d.set(func(e *Entry) { e.UserID, e.User, e.Via, d.login = &id, name, via, true })
}

// Because says why the request is refused, for an answer that is no error to the program.
func (d *Draft) Because(reason string) { d.set(func(*Entry) { d.because = reason }) }

// Open says that everybody may do it, so that reading it is nothing to record.
func (d *Draft) Open() { d.set(func(*Entry) { d.open = true }) }

// Domain says in which domain, by its PRN.
func (d *Draft) Domain(prn string) { d.set(func(e *Entry) { e.Domain = prn }) }

// Object says to what, by its PRN; the last call counts, and an empty one does not.
func (d *Draft) Object(prn string) {
	if prn != "" {
		d.set(func(e *Entry) { e.Object = prn })
	}
}

// Task says which task a transaction dispatches, by its PRN; of several the first call counts. One whose transaction was
// undone and is run again counts no more.
func (d *Draft) Task(tx *db.Tx, prn string) {
	d.set(func(e *Entry) {
		if e.Task == "" || d.committed < 0 && d.tasked != tx {
			e.Task, d.tasked = prn, tx
		}
	})
}

func (d *Draft) set(change func(e *Entry)) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.entry)
}

// commit writes the entry in the transaction of the change, with the status that is to come.
func (d *Draft) commit(tx *db.Tx) error {
	d.mu.Lock()
	e := d.entry
	d.mu.Unlock()
	if d.expected != nil {
		e.Status = d.expected(e.Task != "")
	}
	tx.AfterCommit(func(context.Context) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.committed = e.Status
		d.log.nudge()
	})
	return d.log.insert(tx, e)
}

// End says what came of it: the status of the answer, and the kind of the error ("" when there was none). It writes the
// entry unless that was committed with the change and told the truth. When it cannot, it logs that.
func (d *Draft) End(ctx context.Context, status int, reason string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	if reason == "" {
		reason = d.because
	}
	e, told := d.entry, reason == "" && d.committed == status
	wanted := d.wanted(status)
	d.mu.Unlock()
	if told || !wanted {
		return
	}
	e.Status, e.Reason = status, reason
	if err := d.log.Record(ctx, e); err != nil {
		d.log.o.Log.Error("an entry of the audit log could not be written", "cid", e.CID, "user", e.User, "action", e.Action, "object", e.Object, "status", status, "error", err)
	}
}

func (d *Draft) wanted(status int) bool {
	switch {
	case d.changes || d.login:
		return true
	case d.open:
		return false
	case d.log.o.Reads == AllReads:
		return true
	case d.log.o.Reads == RefusedReads:
		return status == 403
	}
	return false
}

// Record writes an entry in a transaction of its own, also when ctx has ended.
func (l *Log) Record(ctx context.Context, e Entry) error {
	if l == nil {
		return nil
	}
	// detached: what happened is recorded although whoever did it left, or had no more time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := l.o.DB.InTx(db.Alone(ctx), func(tx *db.Tx) error { return l.insert(tx, e) }); err != nil {
		return err
	}
	l.nudge()
	return nil
}
