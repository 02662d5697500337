package tasks

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// finished is the end of an execution, unless the task is not ours any more.
func (x *execution) finished(v verdict) *ending {
	return &ending{id: x.row.ID, judge: func(_ *db.Tx, row *task.Row) (verdict, bool, error) {
		final := asRequested(row, v)
		final.log, final.quiet = v.log, v.quiet
		return final, row.SameClaim(x.row), nil
	}}
}

// finish writes the end of an executed task.
func (x *execution) finish(v verdict) { x.t.finish([]*ending{x.finished(v)}, appetite{}) }

// finish writes the end of executed tasks. It does not give up while the database is away: the work is done and must not
// be lost. If it stays away for long, others will have settled the tasks.
func (t *Tasks) finish(endings []*ending, a appetite) (claimed []task.Row) {
	claimed, err := t.insist(endings, a)
	if err != nil {
		return t.finishApart(endings, a, err)
	}
	return claimed
}

// insist tries until the end of the tasks is written, the process is stopped without waiting for it, or the database has
// an objection that will not pass.
func (t *Tasks) insist(endings []*ending, a appetite) (claimed []task.Row, err error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		claimed, err := t.tryFinish(endings, a)
		if err == nil {
			return claimed, nil
		}
		t.log.Warn("the end of a task could not be saved", "task", endings[0].id, "of", len(endings), "error", err)
		if !passes(err) {
			return nil, err
		}
		wait := time.NewTimer(pause)
		select {
		case <-t.abandoned:
			wait.Stop()
			return nil, nil
		case <-wait.C:
		}
	}
}

// finishApart keeps what is wrong with the end of one task from those that end with it: each is written by itself, and
// the one that the database refuses fails.
func (t *Tasks) finishApart(endings []*ending, a appetite, err error) (claimed []task.Row) {
	if len(endings) > 1 {
		for i, e := range endings {
			if i < len(endings)-1 {
				t.finish([]*ending{e}, appetite{})
			} else {
				claimed = t.finish([]*ending{e}, a)
			}
		}
		return claimed
	}
	judge := endings[0].judge
	fault := task.FailureOf(errs.New(errs.Internal, "save the result of the task: %w", err), t.o.Redact).JSON()
	claimed, again := t.insist([]*ending{{id: endings[0].id, judge: func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
		_, agreed, err := judge(tx, row)
		return asRequested(row, verdict{state: task.Failed, fault: fault}), agreed, err
	}}}, a)
	if again != nil {
		t.running.giveUp(endings[0].id)
		t.log.Error("the end of a task cannot be saved, it is left to the sweeper", "task", endings[0].id, "error", again)
	}
	return claimed
}

func (t *Tasks) tryFinish(endings []*ending, a appetite) ([]task.Row, error) {
	// detached: the end is written whatever ended the work.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	claimed, err := t.conclude(ctx, endings, a)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.abandoned: // the others were we
		return claimed, nil
	default:
	}
	for _, e := range endings {
		if !e.settled && e.row.ID != "" {
			t.log.Warn("a task ended here that others had settled already", "task", e.id)
		}
	}
	return claimed, nil
}
