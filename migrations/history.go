package migrations

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
)

// The directions of an entry.
const (
	forth = "up"
	back  = "down"
)

// ownTables is what the runner itself needs. They belong to no app.
const ownTables = `CREATE TABLE IF NOT EXISTS schema_migrations (
  plugin {{text}} NOT NULL, id {{text}} NOT NULL, checksum {{text}} NOT NULL, app_version {{text}} NOT NULL,
  applied_at {{time}} NOT NULL, duration_ms {{int}} NOT NULL, direction {{text}} NOT NULL, dirty {{bool}} NOT NULL,
  PRIMARY KEY (plugin, id));
CREATE TABLE IF NOT EXISTS plugin_objects (
  plugin {{text}} NOT NULL, kind {{text}} NOT NULL, name {{text}} NOT NULL, PRIMARY KEY (kind, name));`

// entry is a row of schema_migrations: the last that happened to a step.
type entry struct {
	Plugin     string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"`
	Checksum   string
	AppVersion string
	AppliedAt  time.Time
	DurationMS int64 `gorm:"column:duration_ms"`
	Direction  string
	Dirty      bool
}

// TableName names the table.
func (entry) TableName() string { return "schema_migrations" }

func (e entry) ref() schema.Ref { return schema.Ref{App: e.Plugin, ID: e.ID} }

// history is what has happened so far.
type history map[schema.Ref]entry

func (h history) applied(ref schema.Ref) bool {
	e, ok := h[ref]
	return ok && e.Direction == forth && !e.Dirty
}

// knows tells whether anything of the app has run.
func (h history) knows(app string) bool {
	for ref := range h {
		if ref.App == app && h.applied(ref) {
			return true
		}
	}
	return false
}

func (r *Runner) bootstrap(ctx context.Context) error {
	statements, err := schema.Render(ownTables, r.db.Dialect())
	if err != nil {
		return err
	}
	return r.db.InTx(ctx, func(tx *db.Tx) error { return execAll(tx.Context(), tx.DB, statements) })
}

// load reads what has happened. No table means nothing, so that Plan can be asked of an empty database.
func (r *Runner) load(ctx context.Context, on *gorm.DB) (history, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'"
	if r.db.Dialect() == db.Postgres {
		query = "SELECT count(*) WHERE to_regclass('schema_migrations') IS NOT NULL"
	}
	var tables int
	if err := on.Raw(query).Scan(&tables).Error; err != nil {
		return nil, fmt.Errorf("look for the history of migrations: %w", err)
	}
	h := history{}
	if tables == 0 {
		return h, nil
	}
	var entries []entry
	if err := on.WithContext(ctx).Find(&entries).Error; err != nil {
		return nil, fmt.Errorf("read the history of migrations: %w", err)
	}
	for _, e := range entries {
		h[e.ref()] = e
	}
	return h, nil
}

// check compares what has happened with what this binary knows. A lenient check accepts entries beyond the end of a
// known history, and steps under way.
func (r *Runner) check(ctx context.Context, h history, lenient bool) error {
	compiled := map[string]string{}
	for _, s := range r.steps {
		compiled[s.ref.App] = max(compiled[s.ref.App], s.ref.ID)
	}
	foreign := map[string]bool{}
	for _, ref := range slices.SortedFunc(maps.Keys(h), byRef) {
		e := h[ref]
		last, built := compiled[ref.App]
		if !built && e.Direction == forth {
			foreign[ref.App] = true
		}
		if err := r.checkEntry(e, last, built, lenient); err != nil {
			return err
		}
	}
	for _, app := range slices.Sorted(maps.Keys(foreign)) {
		r.o.Log.WarnContext(ctx, "the database holds tables of an app that is not built in; build it in again or purge it", "app", app)
	}
	return r.checkGaps(h)
}

func (r *Runner) checkEntry(e entry, last string, built, lenient bool) error {
	s, known := r.index[e.ref()]
	switch {
	case e.Dirty && lenient:
		return nil
	case e.Dirty:
		return errs.New(errs.Conflict, "the migration %s was interrupted on its way %s; look what it left, finish or undo it by hand, then mark it as resolved", e.ref(), e.Direction)
	case e.Direction != forth || !built:
		return nil
	case !known && e.ID > last && lenient:
		return nil
	case !known:
		return errs.New(errs.Conflict, "the database has the migration %s (by version %q), which this binary does not know; run the newer binary", e.ref(), e.AppVersion)
	case e.Checksum != s.Checksum():
		return errs.New(errs.Conflict, "the migration %s has been edited since it ran; undo the edit and write a new migration instead", e.ref())
	}
	return nil
}

// checkGaps refuses a migration that was put before one which has run.
func (r *Runner) checkGaps(h history) error {
	for _, s := range r.steps {
		for _, n := range s.needs {
			if n.ref.App == s.ref.App && h.applied(s.ref) && !h.applied(n.ref) {
				return errs.New(errs.Conflict, "the migration %s has not run, but %s behind it has; give the new migration an id at the end", n.ref, s.ref)
			}
		}
	}
	return nil
}

func byRef(a, b schema.Ref) int {
	return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.ID, b.ID))
}

// enter writes what happens to a step.
func (r *Runner) enter(tx *db.Tx, s *step, direction string, dirty bool, begin time.Time) error {
	e := entry{
		Plugin: s.ref.App, ID: s.ref.ID, Checksum: s.Checksum(), AppVersion: r.o.AppVersions[s.ref.App],
		AppliedAt: db.Now(), DurationMS: time.Since(begin).Milliseconds(), Direction: direction, Dirty: dirty,
	}
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&e).Error; err != nil {
		return fmt.Errorf("enter the migration %s: %w", s.ref, err)
	}
	return nil
}
