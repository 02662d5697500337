package resource

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// The names of the general tasks are part of the wire contract.
const (
	kindCreate = "pulpcore.app.tasks.base.general_create"
	kindUpdate = "pulpcore.app.tasks.base.ageneral_update"
	kindDelete = "pulpcore.app.tasks.base.ageneral_delete"
	kindShed   = "pulpcore.app.tasks.base.general_multi_delete"
)

// general is what the tasks carry that create, update or delete an object of any resource.
type general struct {
	Resource string     `json:"resource"`
	ID       string     `json:"id,omitempty"`
	Body     Body       `json:"body"`
	Mode     mode       `json:"mode,omitempty"`
	Held     task.Locks `json:"held"`
	// Needs are objects that the body names and that nothing may refer to yet.
	Needs []task.Reference `json:"needs,omitempty"`
}

// Locks are those that the resource named when the task was dispatched.
func (g general) Locks() task.Locks { return g.Held }

// Refers are those that the resource named when the task was dispatched.
func (g general) Refers() []task.Reference { return g.Needs }

type (
	generalCreate struct{ general }
	generalUpdate struct{ general }
	generalDelete struct{ general }
	// multiDelete deletes an object with others that are nothing without it.
	multiDelete struct{ general }
)

// Kind is the task's name.
func (generalCreate) Kind() string { return kindCreate }

// Kind is the task's name.
func (generalUpdate) Kind() string { return kindUpdate }

// Kind is the task's name.
func (generalDelete) Kind() string { return kindDelete }

// Kind is the task's name.
func (multiDelete) Kind() string { return kindShed }

// Handlers are the general tasks over the resources that are mounted in env.
func (e *Env) Handlers() []task.Handler {
	quick := task.WithPriority(task.High) // one object, and somebody waits for the answer
	return []task.Handler{
		task.Handle(func(ctx context.Context, run *task.Run, a generalCreate) (any, error) {
			w, err := e.worker(a.Resource)
			if err != nil {
				return nil, err
			}
			return w.createInTask(ctx, run, a.Body)
		}, quick),
		task.Handle(func(ctx context.Context, run *task.Run, a generalUpdate) (any, error) {
			return e.inTask(ctx, run, a.Resource, func(w worker, work *Work) (any, error) { return w.updateInTask(work, a.ID, a.Body, a.Mode) })
		}, quick),
		task.Handle(func(ctx context.Context, run *task.Run, a generalDelete) (any, error) {
			return e.inTask(ctx, run, a.Resource, func(w worker, work *Work) (any, error) { return nil, w.deleteInTask(work, a.ID) })
		}, quick),
		task.Handle(func(ctx context.Context, run *task.Run, a multiDelete) (any, error) {
			return e.inTask(ctx, run, a.Resource, func(w worker, work *Work) (any, error) { return nil, w.deleteInTask(work, a.ID) })
		}, quick),
	}
}

func (e *Env) inTask(ctx context.Context, run *task.Run, path string, work func(worker, *Work) (any, error)) (result any, err error) {
	w, err := e.worker(path)
	if err != nil {
		return nil, err
	}
	if e, err = e.In(ctx, run.Domain); err != nil {
		return nil, err
	}
	return e.commit(ctx, run, func(done *Work) (any, error) { return work(w, done) })
}

func (e *Env) worker(path string) (worker, error) {
	w, known := e.workers[path]
	if !known {
		return nil, errs.Coded(errs.Unavailable, "PLP0002", "no plugin that serves %s is enabled here; enable it and try again", path)
	}
	return w, nil
}

// commit runs work in the task's transaction, and after it what work wanted done after it.
func (e *Env) commit(ctx context.Context, run *task.Run, work func(*Work) (any, error)) (result any, err error) {
	var done *Work
	err = run.InTx(ctx, func(tx *db.Tx) (err error) {
		done = e.Work(ctx, run, tx)
		result, err = work(done)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, after := range done.after {
		if err := after(ctx); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// Work is what hooks of a task get.
func (e *Env) Work(ctx context.Context, run *task.Run, tx *db.Tx) *Work {
	return &Work{Tx: tx, Env: e, Run: run, Dispatch: func(a task.Args, o ...task.Option) (*task.Row, error) {
		return run.Dispatch(ctx, tx, a, o...)
	}}
}

func (w *Work) input(body Body) *Input {
	return w.Env.input(w.Tx.Context(), w.Tx.DB, w.Run.Domain, body.Form)
}

// createInTask validates again, now that the task has its locks, and stores.
func (p *prepared[M]) createInTask(ctx context.Context, run *task.Run, body Body) (result any, err error) {
	env, err := p.env.In(ctx, run.Domain)
	if err != nil {
		return nil, err
	}
	m, err := p.fromBody(env.input(ctx, env.DB.Read(ctx), run.Domain, body.Form), p.Fields, run.Domain, body)
	if err != nil {
		return nil, err
	}
	if p.Prepare != nil {
		received, failed := p.Prepare(ctx, env, m)
		if failed != nil {
			return nil, failed
		}
		if received != nil {
			defer func() { err = errors.Join(err, received.Cancel()) }() // does nothing once it is saved
		}
	}
	return env.commit(ctx, run, func(w *Work) (any, error) {
		if err := p.store(w, m); err != nil {
			return nil, p.conflict(err)
		}
		if err := run.Created(w.Tx, p.Model, p.Base(m).ID, p.location(m)); err != nil {
			return nil, err
		}
		return p.result(w, p.Base(m).ID)
	})
}

func (p *prepared[M]) updateInTask(w *Work, id string, body Body, how mode) (any, error) {
	old, err := p.locked(w, id)
	if err != nil {
		return nil, err
	}
	m, err := p.altered(w.input(body), old, body, how)
	if err != nil {
		return nil, err
	}
	if p.changed(old, m) {
		p.Base(m).Touch()
		if err := p.update(w.Tx.DB, id, old, m); err != nil {
			return nil, p.conflict(err)
		}
		if p.Saved != nil {
			if err := p.Saved(w, m, old); err != nil {
				return nil, err
			}
		}
	}
	return p.result(w, id)
}

func (p *prepared[M]) deleteInTask(w *Work, id string) error {
	m, err := p.locked(w, id)
	if errs.Is(err, errs.NotFound) {
		return nil // somebody else deleted it first, which is what was wanted
	}
	if err != nil {
		return err
	}
	return p.discard(w, m)
}

func (p *prepared[M]) locked(w *Work, id string) (*M, error) {
	table := p.Source.Master
	if table == "" {
		table = p.Source.Table
	}
	if err := w.Tx.LockRow(table, id); err != nil {
		return nil, err
	}
	return p.byID(w.Tx.Context(), w.Tx.DB, id)
}

// result is the object as the task's result.
func (p *prepared[M]) result(w *Work, id string) (any, error) {
	m, err := p.byID(w.Tx.Context(), w.Tx.DB, id)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(p.object(w.Env.Names, m, selection{})), nil
}

func (p *prepared[M]) wireForm(ctx context.Context, id string) ([]byte, error) {
	m, err := p.byID(ctx, p.env.DB.Read(ctx), id)
	if err != nil {
		return nil, err
	}
	env, err := p.env.In(ctx, p.Base(m).DomainID)
	if err != nil {
		return nil, err
	}
	return p.object(env.Names, m, selection{}), nil
}
