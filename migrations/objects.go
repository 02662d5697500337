package migrations

import (
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
)

// object is a row of plugin_objects: something in the database that an app has made.
type object struct {
	Plugin string
	Kind   string `gorm:"primaryKey"`
	Name   string `gorm:"primaryKey"`
}

// TableName names the table.
func (object) TableName() string { return "plugin_objects" }

// catalogue is what there is, by kind and name.
type catalogue map[object]bool

// SQLite keeps objects of its own under names that begin with sqlite_.
const sqliteObjects = `SELECT type AS kind, name FROM sqlite_master
WHERE substr(name, 1, 7) <> 'sqlite_' AND name NOT IN ('schema_migrations', 'plugin_objects')`

// What belongs to an extension comes and goes with it.
const postgresObjects = `SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
    WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END AS kind, c.relname::text AS name
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I')
  AND c.relname !~ '^(schema_migrations|plugin_objects)(_pkey)?$'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL SELECT 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'trigger', t.tgname || ' on ' || c.relname
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
UNION ALL SELECT 'type', y.typname::text
  FROM pg_type y WHERE y.typnamespace = current_schema()::regnamespace AND y.typtype IN ('e', 'd')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = y.oid AND d.deptype = 'e')
UNION ALL SELECT 'extension', extname::text FROM pg_extension`

func objects(tx *db.Tx) (catalogue, error) {
	query := sqliteObjects
	if tx.Dialect() == db.Postgres {
		query = postgresObjects
	}
	var found []object
	if err := tx.Raw(query).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("read what there is in the database: %w", err)
	}
	all := catalogue{}
	for _, o := range found {
		all[object{Kind: o.Kind, Name: o.Name}] = true
	}
	return all, nil
}

// owned runs work and enters what it made and removed.
func (r *Runner) owned(tx *db.Tx, s *step, work func() error) error {
	before, err := objects(tx)
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return own(tx, s.ref.App, before)
}

// own enters what is there now and was not before as the app's, and forgets what is gone.
func own(tx *db.Tx, app string, before catalogue) error {
	after, err := objects(tx)
	if err != nil {
		return err
	}
	for o := range before {
		if !after[o] {
			if err := tx.Delete(&o).Error; err != nil {
				return fmt.Errorf("forget the %s %s: %w", o.Kind, o.Name, err)
			}
		}
	}
	var fresh []object
	for o := range after {
		if !before[o] {
			fresh = append(fresh, object{Plugin: app, Kind: o.Kind, Name: o.Name})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(fresh, 500).Error; err != nil {
		return fmt.Errorf("enter what %s made: %w", app, err)
	}
	return nil
}
