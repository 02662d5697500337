package db_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		url  string
		kind errs.Kind
	}{
		"other scheme":     {"mysql://root@localhost/x", errs.Invalid},
		"no scheme":        {"file.db", errs.Invalid},
		"control byte":     {"postgres://u:hunter2@h/\x01", errs.Invalid},
		"bad port":         {"postgres://u:hunter2@h:port/x", errs.Invalid},
		"relative file":    {"sqlite://file.db", errs.Invalid},
		"option":           {"sqlite://" + dir + "/x.db?mode=ro", errs.Invalid},
		"missing folder":   {"sqlite://" + dir + "/none/x.db", errs.Invalid},
		"nobody listening": {"postgres://u:hunter2@127.0.0.1:1/x", errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := db.Open(t.Context(), db.Options{URL: c.url})
			if err == nil {
				d.Close()
			}
			if !errs.Is(err, c.kind) {
				t.Fatalf("kind %q, want %q: %v", errs.KindOf(err), c.kind, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in the message: %v", err)
			}
		})
	}
}

func TestOpenNotADatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(file, []byte(strings.Repeat("this is not a database ", 100)), 0o600))
	if _, err := db.Open(t.Context(), db.Options{URL: "sqlite://" + file}); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("got %v", err)
	}
}

func TestFileBelongsToItsOwner(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "strange name?#% ä")
	must(t, os.Mkdir(dir, 0o700))
	d := open(t, "sqlite://"+strings.NewReplacer("?", "%3F", "#", "%23", "%", "%25").Replace(dir)+"/x.db")
	exec(t, d, "CREATE TABLE t (a text)")
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) < 2 {
		t.Fatalf("the file and its log should be in %s: %v", dir, files)
	}
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

func TestPingAndClose(t *testing.T) {
	t.Parallel()
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		d, err := db.Open(t.Context(), db.Options{URL: address(t, dialect)})
		must(t, err)
		if d.Dialect() != dialect {
			t.Errorf("dialect is %s", d.Dialect())
		}
		must(t, d.Ping(t.Context()))
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Ping(canceled); !errs.Is(err, errs.Canceled) {
			t.Errorf("%s: ping with a canceled context: %v", dialect, err)
		}
		must(t, d.Close())
		if d.Ping(t.Context()) == nil {
			t.Errorf("%s: a closed database answers", dialect)
		}
	}
}

func TestReadCannotWriteOnSQLite(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.SQLite))
	exec(t, d, "CREATE TABLE t (a text)")
	if err := d.Read(t.Context()).Exec("INSERT INTO t VALUES ('x')").Error; err == nil {
		t.Fatal("a reader has written")
	}
}

func TestBatchOfManyRows(t *testing.T) {
	onBoth(t, "CREATE TABLE things (id {{uuid}} PRIMARY KEY, name {{text}} NOT NULL)", func(t *testing.T, d *db.DB) {
		type thing struct{ ID, Name string }
		rows := make([]thing, 3000)
		for i := range rows {
			rows[i] = thing{ID: uuid(i), Name: "n"}
		}
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.CreateInBatches(rows, 1000).Error }))
		if n := count(t, d, "things"); n != 3000 {
			t.Fatalf("%d rows", n)
		}
	})
}

func TestNewColumnDoesNotDisturb(t *testing.T) {
	onBoth(t, "CREATE TABLE things (id {{uuid}} PRIMARY KEY, name {{text}})", func(t *testing.T, d *db.DB) {
		type thing struct{ ID, Name string }
		exec(t, d, "INSERT INTO things VALUES (?, 'x')", uuid(1))
		read := func() {
			t.Helper()
			var got []thing
			must(t, d.Read(t.Context()).Find(&got).Error)
			if len(got) != 1 || got[0].Name != "x" {
				t.Fatalf("got %v", got)
			}
		}
		read()
		exec(t, d, "ALTER TABLE things ADD COLUMN more text")
		read()
	})
}
