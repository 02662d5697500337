package schema_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
)

func TestFromFS(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"0002_more.sql": {Data: []byte("-- A remark: it has a colon and several words, so it is no order.\n-- depends: core 0001_init\n-- depends: file 0003_x\n-- phase: contract\n" +
			"-- no-tx\n-- min-online: core 0.2.0\n-- min-online: file 1\n\n-- rebuild\nDROP TABLE a;\n-- phase: data is only a remark here\nDROP TABLE b;\n-- down\nCREATE TABLE a (x int);\n")},
		"0001_init.sql": {Data: []byte("CREATE TABLE a (\r\n  x int);\r\n")},
		"0003_end.sql":  {Data: []byte("-- phase: data\n-- down\n-- nothing to undo\n")},
		"README.md":     {Data: []byte("not a migration")},
	}
	got, err := schema.FromFS(files)
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Migration{
		{ID: "0001_init", Phase: schema.Expand, SQL: "CREATE TABLE a (\n  x int);"},
		{
			ID: "0002_more", Phase: schema.Contract, NoTx: true, Rebuild: true,
			DependsOn: []schema.Ref{{App: "core", ID: "0001_init"}, {App: "file", ID: "0003_x"}},
			MinOnline: map[string]string{"core": "0.2.0", "file": "1"},
			SQL:       "DROP TABLE a;\n-- phase: data is only a remark here\nDROP TABLE b;",
			Down:      "CREATE TABLE a (x int);",
		},
		{ID: "0003_end", Phase: schema.Data, Down: "-- nothing to undo"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFromFSRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"init.sql":    "SELECT 1;",
		"0001_A.sql":  "SELECT 1;",
		"0001_a.sql":  "-- phase: later\nSELECT 1;",
		"0001_b.sql":  "-- depends: core\nSELECT 1;",
		"0001_c.sql":  "-- min-online: core 1 2\nSELECT 1;",
		"0001_d.sql":  "-- dependson: core 0001_init\nSELECT 1;",
		"0001_ee.sql": "-- phases: data\nSELECT 1;",
	} {
		if _, err := schema.FromFS(fstest.MapFS{name: {Data: []byte(text)}}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChecksumIsOfTheText(t *testing.T) {
	t.Parallel()
	read := func(text string) string {
		all, err := schema.FromFS(fstest.MapFS{"0001_a.sql": {Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Checksum()
	}
	base := read("SELECT {{int}};\n")
	for _, same := range []string{"-- phase: data\nSELECT {{int}};\n", "SELECT {{int}};\r\n", "SELECT {{int}};\n-- down\nSELECT 2;\n"} {
		if read(same) != base {
			t.Errorf("%q has another checksum", same)
		}
	}
	if read("SELECT {{ int}};\n") == base {
		t.Error("an edit went unnoticed")
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	text := `CREATE TABLE t (id {{uuid}}, a {{text}}, b {{time}} DEFAULT {{now}}, c {{json}}, d {{int}}, f {{bool}}, g {{bytes}}, h {{float}});
CREATE TABLE s (id {{serial}});
{{if postgres}}SELECT 'pg';{{end}}
{{if sqlite}}SELECT 'lite';{{end}}
CREATE INDEX i ON t ({{lower "a"}})`
	want := map[db.Dialect][]string{
		db.Postgres: {
			`CREATE TABLE t (id uuid, a text COLLATE "C", b timestamptz DEFAULT CURRENT_TIMESTAMP, c jsonb, d bigint, f boolean, g bytea, h double precision)`,
			"CREATE TABLE s (id bigserial PRIMARY KEY)", "SELECT 'pg'", `CREATE INDEX i ON t (lower(CAST(a AS text) COLLATE "und-x-icu"))`,
		},
		db.SQLite: {
			"CREATE TABLE t (id text, a text, b datetime DEFAULT " + db.SQLite.Now() + ", c text, d integer, f boolean, g blob, h real)",
			"CREATE TABLE s (id integer PRIMARY KEY AUTOINCREMENT)", "SELECT 'lite'", "CREATE INDEX i ON t (packhouse_lower(a))",
		},
	}
	for dialect, statements := range want {
		got, err := schema.Render(text, dialect)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(statements, got); diff != "" {
			t.Errorf("%s:\n%s", dialect, diff)
		}
	}
	for _, bad := range []string{"{{varchar}}", "{{if}}", "{{text"} {
		if _, err := schema.Render(bad, db.SQLite); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	function := "CREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN\n  x := 1;\n  RETURN NEW;\nEND;\n$$ LANGUAGE plpgsql"
	trigger := "CREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n  UPDATE a SET x = 1;\n  DELETE FROM b;\nEND"
	executed := "CREATE TRIGGER u BEFORE INSERT ON a EXECUTE FUNCTION f()"
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"-- only a remark;\n\n", nil},
		{"a;\nb;\n\nc", []string{"a", "b", "c"}},
		{"a; b\n;\nc;  \r\n", []string{"a; b", "c"}},
		{"a\n-- a remark;\n  b;", []string{"a\n  b"}},
		{function + ";\na;", []string{function, "a"}},
		{trigger + ";\na;", []string{trigger, "a"}},
		{executed + ";\na;", []string{executed, "a"}},
	} {
		if diff := cmp.Diff(c.want, schema.Split(c.text)); diff != "" {
			t.Errorf("%q:\n%s", c.text, diff)
		}
	}
}
