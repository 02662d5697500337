package serve

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
)

// recorder is a reader that keeps the statements that went through it.
type recorder struct {
	*db.DB
	logger.Interface
	mu         sync.Mutex
	statements []string
}

func (r *recorder) Read(ctx context.Context) *gorm.DB {
	return r.DB.Read(ctx).Session(&gorm.Session{Logger: r})
}

func (r *recorder) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	text, _ := statement()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, text)
}

// TestEveryStepIsAnIndexStep asks SQLite, which has no statistics here, how it runs the statements of look-ups. A scan
// or a sort would make the cost grow with the repository or its history.
func TestEveryStepIsAnIndexStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
	repo := w.repository("a", 5)
	for i := range int64(4) {
		repo.unit("f", fmt.Sprint(i), i+1, i+2)
	}
	repo.unit("f", "last", 5, 0)
	repo.offer(looseUnit, "", 1, 0, map[string]string{"l/1": "1"})
	w.declare(repo.unit("m", "", 1, 0), "m", w.remote("r"), 1, strings.Repeat("a", 64))
	repo.publish(5, true, map[string]string{"p": "p"})
	before := repo.publish(4, true, nil)
	for _, kind := range []string{fileType, rawType, looseType} {
		d := w.distribute(kind, kind, func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.supersede(d, before, time.Minute)
	}
	rec := &recorder{DB: w.db, Interface: logger.Discard}
	r := New(Options{DB: rec, Kinds: kinds, Grace: time.Hour})
	remembered := NewMemory(r, 1<<20, w.db.Commits)
	for _, path := range []string{"", fileType, "file.file/f", "file.file/m", "file.file/", "file.file/f/g", "loose.many/none", "raw.raw/f", "raw.raw/", "loose.many/l/1", "loose.many/l/"} {
		_, _ = r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
		_, _ = remembered.Resolve(t.Context(), ident.DefaultDomain, path, nil)
	}
	if len(rec.statements) < 20 {
		t.Fatalf("only %d statements were recorded", len(rec.statements))
	}
	for _, s := range rec.statements {
		explain(t, w.db, s)
	}
}

// TestPostgresReadsNoWholeTable: what is looked up costs what is found, also where a planner knows the tables.
func TestPostgresReadsNoWholeTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.Postgres(t))
	repo := w.repository("a", 1)
	repo.publish(1, true, map[string]string{"p": "p"})
	w.distribute(fileType, fileType, func(d *model.Distribution) { d.RepositoryID = &repo.ID })
	w.change(func(tx *db.Tx) error { return many(tx, repo) })
	if err := w.db.Read(t.Context()).Exec("VACUUM ANALYZE").Error; err != nil {
		t.Fatal(err)
	}
	rec := &recorder{DB: w.db, Interface: logger.Discard}
	r := New(Options{DB: rec, Kinds: kinds})
	for _, path := range []string{"file.file/d7/f1007", "file.file/", "file.file/d7/", "file.file/d7"} {
		if _, err := r.Resolve(t.Context(), ident.DefaultDomain, path, nil); err != nil {
			t.Fatal(path, err)
		}
	}
	for _, s := range rec.statements {
		var lines []string
		if err := w.db.Read(t.Context()).Raw("EXPLAIN " + s).Scan(&lines).Error; err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan on core_repository_contents") || strings.Contains(plan, "Seq Scan on core_content_artifacts") || strings.Contains(plan, "Hash Join") {
			t.Errorf("%s\n%s", s, plan)
		}
	}
}

// many adds 10,000 units in 1,000 folders to version 1.
func many(tx *db.Tx, repo *repo) error {
	const unit, path = "uuid('01930000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))", "'d' || (i % 1000) || '/f' || i"
	for _, sql := range []string{
		"INSERT INTO core_contents (id, domain_id, pulp_type, pulp_labels, timestamp_of_interest, first_seen_at, pulp_created, pulp_last_updated) SELECT " + unit +
			", domain_id, 'file.file', '{}', pulp_created, pulp_created, pulp_created, pulp_created FROM core_repositories, generate_series(1, 10000) i",
		"INSERT INTO core_content_artifacts (content_id, relative_path) SELECT " + unit + ", " + path + " FROM generate_series(1, 10000) i",
		"INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at) SELECT id, " + unit + ", 1, 'file.file', " + path +
			", pulp_created FROM core_repositories, generate_series(1, 10000) i",
	} {
		if err := tx.Exec(sql).Error; err != nil {
			return err
		}
	}
	return nil
}

func explain(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	var steps []struct{ Detail string }
	if err := d.Read(t.Context()).Raw("EXPLAIN QUERY PLAN " + statement).Scan(&steps).Error; err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	for _, s := range steps {
		// Sorting the few base paths that are prefixes of one path is fine, and walking through the few publications that
		// were superseded last.
		sorted := strings.Contains(s.Detail, "TEMP B-TREE") && !strings.Contains(statement, "length(base_path)")
		if strings.Contains(statement, "core_superseded") && (s.Detail == "SCAN recent" || strings.HasSuffix(s.Detail, "OF ORDER BY") || s.Detail == "USE TEMP B-TREE FOR ORDER BY") {
			continue
		}
		if strings.HasPrefix(s.Detail, "SCAN") && s.Detail != "SCAN page" && s.Detail != "SCAN CONSTANT ROW" || sorted || strings.Contains(s.Detail, "core_repository_contents_added") {
			t.Errorf("%s\n%s", statement, s.Detail)
		}
	}
}
