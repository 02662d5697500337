package migrations_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

func TestFromZeroAndAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		file := app("file", "", schema.Data, schema.Contract, "")
		file.Needs = []string{"zcore"}
		file.Migrations[1].DependsOn = []schema.Ref{{App: "zcore", ID: "0002_step"}}
		r := runner(t, d, migrations.Options{AppVersions: map[string]string{"file": "1.2.3"}}, file, app("zcore", "", ""))
		if n := pending(t, r); n != 5 {
			t.Errorf("%d pending before", n)
		}
		if exists(t, d, "schema_migrations") {
			t.Error("asking has written")
		}
		want := []string{"zcore 0001_step", "file 0001_step", "zcore 0002_step", "file 0002_step", "file 0003_step", "file 0004_step"}
		if diff := cmp.Diff(want, apply(t, r)); diff != "" {
			t.Error(diff)
		}
		if ran := apply(t, r); len(ran) > 0 || pending(t, r) > 0 {
			t.Errorf("the second time it ran %v", ran)
		}
		var entries []struct {
			Plugin, ID, Checksum, AppVersion, Direction string
			AppliedAt                                   time.Time
			Dirty                                       bool
		}
		must(t, d.Read(t.Context()).Table("schema_migrations").Order("applied_at, plugin").Scan(&entries).Error)
		if len(entries) != 6 {
			t.Fatalf("entries: %+v", entries)
		}
		last := entries[5]
		if last.Plugin != "file" || last.ID != "0004_step" || last.Checksum != file.Migrations[3].Checksum() || last.AppVersion != "1.2.3" ||
			last.Direction != "up" || last.Dirty || time.Since(last.AppliedAt).Abs() > time.Hour {
			t.Errorf("last entry: %+v", last)
		}
	})
}

func TestPlanShowsAndChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		h := schema.History{App: "a", Migrations: []schema.Migration{
			{ID: "0001_x", SQL: "CREATE TABLE a (id {{uuid}});\n{{if postgres}}COMMENT ON TABLE a IS 'x';{{end}}", NoTx: true},
			{ID: "0002_x", Phase: schema.Data, Go: func(context.Context, *db.Tx) error { return errors.New("ran") }},
		}}
		got, err := runner(t, d, migrations.Options{}, h).Plan(t.Context())
		must(t, err)
		sql := "CREATE TABLE a (id text);\n"
		if d.Dialect() == db.Postgres {
			sql = "CREATE TABLE a (id uuid);\nCOMMENT ON TABLE a IS 'x';\n"
		}
		want := []migrations.Step{
			{App: "a", ID: "0001_x", Phase: schema.Expand, SQL: sql, NoTx: true},
			{App: "a", ID: "0002_x", Phase: schema.Data, Go: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if exists(t, d, "a") || exists(t, d, "schema_migrations") {
			t.Error("the plan has written")
		}
	})
}

func TestObjectsAreKnown(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		b := app("b", "")
		b.Migrations = append(b.Migrations, schema.Migration{ID: "0002_gone", SQL: "DROP INDEX b_1_name;\nDROP TABLE a_2;\nCREATE VIEW b_view AS SELECT id FROM a_1;", DependsOn: []schema.Ref{{App: "a", ID: "0002_step"}}})
		apply(t, runner(t, d, migrations.Options{}, app("a", "", ""), b))
		want := []object{
			{"a", "index", "a_1_name"}, {"a", "index", "a_1_pkey"}, {"a", "table", "a_1"},
			{"b", "index", "b_1_pkey"}, {"b", "table", "b_1"}, {"b", "view", "b_view"},
		}
		if d.Dialect() == db.SQLite {
			want = slices.DeleteFunc(want, func(o object) bool { return strings.HasSuffix(o.Name, "_pkey") })
		}
		if diff := cmp.Diff(want, objects(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPostgresFunctionsAndTypesAreKnown(t *testing.T) {
	t.Parallel()
	onPostgres(t, func(t *testing.T, d *db.DB) {
		h := schema.History{App: "a", Migrations: []schema.Migration{{ID: "0001_all", SQL: `
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE a (id {{serial}}, mood mood);
CREATE FUNCTION plain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.mood := 'a';
  RETURN NEW;
END;
$$;
CREATE TRIGGER a_plain BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION plain();
CREATE EXTENSION pg_trgm;`}}}
		apply(t, runner(t, d, migrations.Options{}, h))
		want := []object{{"a", "extension", "pg_trgm"}, {"a", "function", "plain()"}, {"a", "index", "a_pkey"}, {"a", "sequence", "a_id_seq"},
			{"a", "table", "a"}, {"a", "trigger", "a_plain on a"}, {"a", "type", "mood"}}
		if diff := cmp.Diff(want, objects(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTwoAtOnce starts two runners, each with connections of its own, like two processes.
func TestTwoAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		var runs atomic.Int32
		h := app("a", "", "", "", "", "")
		h.Migrations[2].Go = func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func(context.Context) { runs.Add(1) })
			return tx.Exec("INSERT INTO a_3 VALUES (?, 'x')", "00000000-0000-7000-8000-000000000001").Error
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		var ran []string
		for range 3 {
			r := runner(t, open(t, url), migrations.Options{}, h)
			all.Go(func() {
				own, err := try(t.Context(), r)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ran = append(ran, own...)
			})
		}
		all.Wait()
		slices.Sort(ran)
		if diff := cmp.Diff([]string{"a 0001_step", "a 0002_step", "a 0003_step", "a 0004_step", "a 0005_step"}, ran); diff != "" || runs.Load() != 1 {
			t.Errorf("the function ran %d times; %s", runs.Load(), diff)
		}
	})
}

func TestFailedStepLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		h := app("a", "", "", "")
		broken := errors.New("broken")
		h.Migrations[1].Go = func(context.Context, *db.Tx) error { return broken }
		r := runner(t, d, migrations.Options{}, h)
		ran, err := try(t.Context(), r)
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "a 0002_step") || len(ran) != 1 {
			t.Errorf("ran %v, %v", ran, err)
		}
		if exists(t, d, "a_2") || !exists(t, d, "a_1") || pending(t, r) != 2 {
			t.Error("a failed step must leave nothing, and those before it stay")
		}
		h.Migrations[1].Go = nil
		h.Migrations[1].SQL += "\nSELECT nonsense;"
		_, err = try(t.Context(), runner(t, d, migrations.Options{}, h))
		if err == nil || !strings.Contains(err.Error(), "statement 3 (SELECT nonsense)") {
			t.Errorf("the error does not say which statement: %v", err)
		}
		if exists(t, d, "a_2") {
			t.Error("the first statements have stayed")
		}
	})
}

func TestRebuildInMigration(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		h := schema.History{App: "a", Migrations: []schema.Migration{
			{ID: "0001_x", SQL: "CREATE TABLE p (id {{int}} PRIMARY KEY);\nCREATE TABLE c (p {{int}} REFERENCES p ON DELETE CASCADE);\nINSERT INTO p VALUES (1);\nINSERT INTO c VALUES (1);"},
			{ID: "0002_x", Rebuild: true, SQL: "{{if sqlite}}CREATE TABLE p2 (id text PRIMARY KEY);\nINSERT INTO p2 SELECT id FROM p;\nDROP TABLE p;\nALTER TABLE p2 RENAME TO p;{{end}}{{if postgres}}ALTER TABLE p ADD x text;{{end}}"},
		}}
		apply(t, runner(t, d, migrations.Options{}, h))
		var n int
		must(t, d.Read(t.Context()).Raw("SELECT count(*) FROM c").Scan(&n).Error)
		if n != 1 {
			t.Error("the child went with the old table")
		}
	})
}

// signals is a log that tells of each message.
type signals chan string

func (s signals) Enabled(context.Context, slog.Level) bool { return true }
func (s signals) Handle(_ context.Context, r slog.Record) error {
	s <- r.Message
	return nil
}
func (s signals) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s signals) WithGroup(string) slog.Handler      { return s }

// TestGivesWay lets a client hold the table until the step has given way once.
func TestGivesWay(t *testing.T) {
	t.Parallel()
	onPostgres(t, func(t *testing.T, d *db.DB) {
		run(t, d, "CREATE TABLE busy (id int)")
		log := make(signals, 100)
		h := schema.History{App: "a", Migrations: []schema.Migration{{ID: "0001_x", SQL: "ALTER TABLE busy ADD x text;", LockTimeout: 10 * time.Millisecond}}}
		r := runner(t, d, migrations.Options{Log: slog.New(log)}, h)
		done := make(chan error)
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			must(t, tx.Exec("SELECT * FROM busy").Error)
			go func() { done <- r.Apply(t.Context(), nil) }()
			for message := range log {
				if strings.Contains(message, "gave way") {
					return nil
				}
			}
			return nil
		}))
		must(t, <-done)
	})
}

func TestWaitingNamesTheHolder(t *testing.T) {
	t.Parallel()
	onPostgres(t, func(t *testing.T, d *db.DB) {
		inside, leave := make(chan struct{}), make(chan struct{})
		h := app("a", "")
		h.Migrations[0].Go = func(context.Context, *db.Tx) error { close(inside); <-leave; return nil }
		done := make(chan error)
		go func() { done <- runner(t, d, migrations.Options{}, h).Apply(t.Context(), nil) }()
		<-inside
		second := runner(t, d, migrations.Options{LockTimeout: time.Millisecond}, h)
		_, err := try(t.Context(), second)
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "packhouse migrate, process") {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := try(ctx, second); !errs.Is(err, errs.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		close(leave)
		must(t, <-done)
		if ran := apply(t, second); len(ran) > 0 {
			t.Errorf("it ran again: %v", ran)
		}
	})
}
