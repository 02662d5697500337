package migrations

import (
	"context"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// Down undoes the migrations of app behind toID, the last first; an empty toID undoes all. It does nothing and is a
// Conflict unless each of them has a way back and nothing that has run depends on them; it is NotFound when toID is no
// migration of the app.
func (r *Runner) Down(ctx context.Context, app, toID string) error {
	return r.alone(ctx, func(ctx context.Context) error {
		h, err := r.load(ctx, r.db.Read(ctx))
		if err != nil {
			return err
		}
		if err := r.check(ctx, h, false); err != nil {
			return err
		}
		steps, err := r.reverse(h, app, toID)
		if err != nil {
			return err
		}
		for _, s := range steps {
			begin := time.Now()
			if _, err := r.run(ctx, s, back, s.down); err != nil {
				return err
			}
			r.o.Log.InfoContext(ctx, "migration undone", "app", app, "id", s.ref.ID, "took", time.Since(begin))
		}
		return nil
	})
}

// reverse gives the steps to undo, in the order of undoing.
func (r *Runner) reverse(h history, app, toID string) ([]*step, error) {
	var out []*step
	known := toID == "" && slices.ContainsFunc(r.steps, func(s *step) bool { return s.ref.App == app })
	for _, s := range slices.Backward(r.steps) {
		known = known || s.ref.App == app && s.ref.ID == toID
		if s.ref.App == app && s.ref.ID > toID && h.applied(s.ref) {
			out = append(out, s)
		}
	}
	if !known {
		return nil, errs.New(errs.NotFound, "the app %s has no migration %q, look at the list of migrations for the right name", app, toID)
	}
	for _, s := range out {
		if s.Down == "" {
			return nil, errs.New(errs.Conflict, "the migration %s cannot be undone; restore a backup from before it instead", s.ref)
		}
	}
	return out, r.mustBeUnused(h, out)
}

func (r *Runner) mustBeUnused(h history, out []*step) error {
	for _, s := range r.steps {
		if !h.applied(s.ref) || slices.Contains(out, s) {
			continue
		}
		for _, n := range s.needs {
			if slices.Contains(out, n) {
				return errs.New(errs.Conflict, "the migration %s depends on %s, undo it first", s.ref, n.ref)
			}
		}
	}
	return nil
}

// Resolve takes the mark off a step that was interrupted, after somebody has finished it by hand (applied) or undone
// what it left (not applied). It is NotFound when the step carries no mark.
func (r *Runner) Resolve(ctx context.Context, app, id string, applied bool) error {
	direction := back
	if applied {
		direction = forth
	}
	return r.alone(ctx, func(ctx context.Context) error {
		return r.db.InTx(ctx, func(tx *db.Tx) error {
			done := tx.Model(&entry{}).Where("plugin = ? AND id = ? AND dirty = ?", app, id, true).
				Updates(map[string]any{"dirty": false, "direction": direction, "applied_at": db.Now()})
			if done.Error == nil && done.RowsAffected == 0 {
				return errs.New(errs.NotFound, "the migration %s %s is not marked as interrupted, there is nothing to resolve", app, id)
			}
			return done.Error
		})
	})
}
