package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/secret"
)

// sealed makes sure that the secrets did arrive: the last one of a remote is in the database, sealed.
func (h *hunt) sealed() {
	h.t.Helper()
	box, err := secret.Load(filepath.Join(h.data(), "keys", "database.key"))
	must(h.t, err)
	d := h.open()
	defer func() { must(h.t, d.Close()) }()
	var password []byte
	must(h.t, d.Read(h.t.Context()).Raw("SELECT password FROM core_remotes WHERE name = 'files'").Row().Scan(&password))
	if plain, err := box.Open(remote.Purpose("password"), password); err != nil || string(plain) != h.canaries["file.FileRemote.password"] {
		h.t.Errorf("the password of the remote is not what was sent: %v", err)
	}
}

// folder looks through every file that is kept, the database with its journal among them, save the keys.
func (h *hunt) folder() {
	h.t.Helper()
	err := filepath.WalkDir(h.data(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "keys" {
			return err
		}
		text, err := os.ReadFile(path)
		h.found(path, text)
		return err
	})
	must(h.t, err)
}

// tables looks through the text of every row of every table of a PostgreSQL database: bytes come as hexadecimal digits,
// which found knows, and as they are.
func (h *hunt) tables() {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.database)
	must(h.t, err)
	defer func() { must(h.t, conn.Close(h.t.Context())) }()
	rows, err := conn.Query(h.t.Context(), "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
	must(h.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(h.t, err)
	filled := map[string]bool{}
	for _, table := range tables {
		var text bytes.Buffer
		_, err := conn.PgConn().CopyTo(h.t.Context(), &text, "COPY "+table+" TO STDOUT")
		must(h.t, err)
		h.found("the table "+table, text.Bytes())
		filled[table[strings.IndexByte(table, '.')+1:]] = text.Len() > 0
	}
	for _, table := range []string{"core_remotes", "core_users", "core_tokens", "core_tasks", "core_domains", "core_audit_entries"} {
		if !filled[table] {
			h.t.Errorf("%s is empty, so nothing was looked for there", table)
		}
	}
}
