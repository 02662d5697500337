package resource

import (
	"context"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
)

// changeNow updates in the request, from the row as it is when its lock is held, and answers 200.
func (p *prepared[M]) changeNow(c *Call, how mode) (*Answer, error) {
	id, early := p.id(c.Object.(*M)), c.Input()
	// Once before the transaction, for the decision, and so that what may be seen is known before a connection is held.
	soon, err := p.altered(early, c.Object.(*M), c.Body, how)
	if err == nil {
		err = c.settle(early)
	}
	if err == nil && p.Revise != nil {
		err = p.Revise(c, soon)
	}
	if err != nil {
		return nil, err
	}
	err = c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error {
		w := c.Work(tx)
		old, err := p.locked(w, id)
		if err != nil {
			return err
		}
		in := c.Input()
		in.Context, in.DB = tx.Context(), tx.DB
		m, err := p.altered(in, old, c.Body, how)
		if err != nil || !p.changed(old, m) {
			return err
		}
		if p.Base != nil {
			p.Base(m).Touch()
		}
		if err := p.update(tx.DB, p.rowID(m), old, m); err != nil {
			return err
		}
		if p.Saved == nil {
			return nil
		}
		return p.Saved(w, m, old)
	})
	if err != nil {
		return nil, p.conflict(err)
	}
	m, err := p.byID(c.Context(), c.Env.DB.Read(c.Context()), id)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: 200, JSON: p.object(c.Env.Names, m, selection{})}, nil
}

// Loader reads rows of a declaration by their identity, with what its Load brings, for use beside the API.
func Loader[M any](d *Of[M], env *Env) func(ctx context.Context, tx *gorm.DB, id string) (*M, error) {
	p := d.named().prepare(env)
	return p.byID
}
