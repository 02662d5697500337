// Package tables gives tests a database with the core's tables. Only tests import it.
package tables

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Open opens an empty database, closed at the end of the test, and makes the core's tables, those of more (a text with
// the macros of migrations; may be empty), and the default domain.
func Open(t testing.TB, url, more string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: url})
	if err != nil {
		t.Fatalf("open the database of the test: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the database of the test: %v", err)
		}
	})
	Fill(t, d, more)
	return d
}

// Fill is Open for a database that is open.
func Fill(t testing.TB, d *db.DB, more string) {
	t.Helper()
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return Make(tx, more) }); err != nil {
		t.Fatalf("make the tables of the test: %v", err)
	}
}

// Make makes the tables and the domain.
func Make(tx *db.Tx, more string) error {
	files, err := fs.Sub(model.Migrations, "migrations")
	if err != nil {
		return err
	}
	migrations, err := schema.FromFS(files)
	if err != nil {
		return err
	}
	if more != "" {
		migrations = append(migrations, schema.Migration{SQL: more})
	}
	for _, m := range migrations {
		statements, err := schema.Render(m.SQL, tx.Dialect())
		if err != nil {
			return err
		}
		for _, s := range statements {
			if err := tx.Exec(s).Error; err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
	}
	now := model.Now()
	return tx.Create(&model.Domain{ID: ident.DefaultDomain, Name: "default", StorageClass: "x", PulpCreated: now, PulpLastUpdated: now}).Error
}
