package repository_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/testkit"
)

// full is a repository with many units, and single units to change it by.
type full struct {
	*world
	repo                     string
	newcomer, resident, twin string
}

// fill makes a repository with n units at the paths f/1 to f/n.
func fill(w *world, n int) *full {
	w.t.Helper()
	units := w.seed(n+1, "f")
	r := w.repository("full", nil)
	w.version(r.ID, repository.Delta{Add: units[1:]})
	return &full{w, r.ID, units[0], units[1], w.path("f/2")}
}

// operation is something whose cost must not depend on how much a repository holds.
type operation struct {
	name string
	do   func(f *full, tx *db.Tx) error
}

// operations lead back to what the repository held before them.
func operations() []operation {
	keep := int64(2)
	return []operation{
		{"add one", commit(func(f *full, _ *db.Tx) repository.Delta { return repository.Delta{Add: []string{f.newcomer}} })},
		{"remove one", commit(func(f *full, _ *db.Tx) repository.Delta { return repository.Delta{Remove: []string{f.resident}} })},
		{"displace one", commit(func(f *full, _ *db.Tx) repository.Delta { return repository.Delta{Add: []string{f.twin}} })},
		{"diff two versions", func(f *full, tx *db.Tx) error { return f.diff(tx) }},
		{"delete a version", func(f *full, tx *db.Tx) error { return f.DeleteVersion(tx, f.back(tx, 1)) }},
		{"delete the newest", func(f *full, tx *db.Tx) error { return f.DeleteVersion(tx, f.back(tx, 0)) }},
		{"roll back", commit(func(f *full, tx *db.Tx) repository.Delta { return repository.Delta{Base: f.back(tx, 1)} })},
		{"delete the oldest", func(f *full, tx *db.Tx) error { return f.Retain(tx, f.repo, &keep) }},
	}
}

func commit(d func(f *full, tx *db.Tx) repository.Delta) func(*full, *db.Tx) error {
	return func(f *full, tx *db.Tx) error {
		v, err := f.Commit(tx, f.repo, d(f, tx))
		if err == nil && v == nil {
			err = errors.New("nothing changed")
		}
		return err
	}
}

// back is the version that has so many newer ones.
func (f *full) back(tx *db.Tx, newer int) *model.RepositoryVersion {
	f.t.Helper()
	var v model.RepositoryVersion
	must(f.t, tx.Where("repository_id = ?", f.repo).Order("number DESC").Offset(newer).Take(&v).Error)
	return &v
}

// diff lists what the newest version added and removed: the displaced unit and the other one at its path.
func (f *full) diff(tx *db.Tx) error {
	v := f.back(tx, 0)
	previous, err := repository.Previous(tx.DB, f.repo, v.Number)
	if err != nil {
		return err
	}
	for _, what := range []repository.Change{repository.Added, repository.Removed} {
		where, args := what.Rows("rc", f.repo, previous, v.Number)
		var ids []string
		if err := tx.Raw("SELECT content_id FROM core_repository_contents rc WHERE "+where, args...).Scan(&ids).Error; err != nil {
			return err
		}
		if len(ids) != 1 {
			return fmt.Errorf("the version %s %v", what, ids)
		}
	}
	return nil
}

// No statement reads all members for a change of one unit, not even when the planner knows nothing of the table.
func TestTheCostIsThatOfTheChange(t *testing.T) {
	t.Parallel()
	const units = 6000
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f := fill(newWorld(t, "sqlite://"+t.TempDir()+"/test.db"), units)
		for _, o := range operations() {
			f.tx(func(tx *db.Tx) error {
				recorder := &statements{}
				real := tx.DB
				tx.DB = real.Session(&gorm.Session{Logger: recorder})
				err := o.do(f, tx)
				tx.DB = real
				recorder.explain(t, tx, o.name)
				return err
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, testkit.Postgres(t))
		w.tx(func(tx *db.Tx) error {
			return tx.Exec("ALTER TABLE core_repository_contents SET (autovacuum_enabled = false)").Error
		})
		f := fill(w, units)
		more := w.seedFrom(units+1, units, "g")
		w.tx(func(tx *db.Tx) error { // a large change costs its size and not its square
			before := rowsRead(t, tx)
			_, err := w.Commit(tx, f.repo, repository.Delta{Add: more})
			if n := rowsRead(t, tx) - before; n > 10*units {
				t.Errorf("adding %d units reads %d rows of membership", units, n)
			}
			return err
		})
		for _, known := range []string{"without statistics", "with statistics"} {
			for _, o := range operations() {
				f.tx(func(tx *db.Tx) error {
					before := rowsRead(t, tx)
					err := o.do(f, tx)
					if n := rowsRead(t, tx) - before; n > units/20 {
						t.Errorf("%s, %s: read %d rows of membership", o.name, known, n)
					}
					return err
				})
			}
			f.tx(func(tx *db.Tx) error { return tx.Exec("ANALYZE").Error })
		}
	})
}

// rowsRead is how many rows of membership the transaction has read, from the table and from its indexes.
func rowsRead(t *testing.T, tx *db.Tx) (n int64) {
	t.Helper()
	must(t, tx.Raw(`SELECT pg_stat_get_xact_tuples_returned('core_repository_contents'::regclass) +
		coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0) FROM pg_index WHERE indrelid = 'core_repository_contents'::regclass`).Scan(&n).Error)
	return n
}

// statements notes all statements of a session.
type statements struct {
	logger.Interface
	all []string
}

func (s *statements) LogMode(logger.LogLevel) logger.Interface { return s }

func (s *statements) Trace(_ context.Context, _ time.Time, sql func() (string, int64), _ error) {
	text, _ := sql()
	s.all = append(s.all, text)
}

// explain fails when a statement walks through a table, or through all that an index has for a repository.
func (s *statements) explain(t *testing.T, tx *db.Tx, name string) {
	t.Helper()
	seen := 0
	for _, statement := range s.all {
		if !strings.Contains(statement, "core_repository_contents") {
			continue
		}
		seen++
		var plan []struct{ Detail string }
		must(t, tx.Raw("EXPLAIN QUERY PLAN "+strings.ReplaceAll(statement, "?", "??")).Scan(&plan).Error)
		for _, step := range plan {
			table, scan := strings.CutPrefix(step.Detail, "SCAN ")
			if scan && !strings.Contains(table, "SUBQUERY") && table != "CONSTANT ROW" && table != "folders" && table != "new" || strings.HasSuffix(step.Detail, "(repository_id=?)") {
				t.Errorf("%s: %s\n\tin %s", name, step.Detail, statement)
			}
		}
	}
	if seen == 0 {
		t.Errorf("%s: no statement was seen", name)
	}
}

// BenchmarkVersions gives the median of each operation in microseconds, for repositories of 10^3 units and more, up to
// the variable PACKHOUSE_BENCH_UNITS.
func BenchmarkVersions(b *testing.B) {
	most, err := strconv.Atoi(os.Getenv("PACKHOUSE_BENCH_UNITS"))
	if err != nil {
		most = 10_000
	}
	for name, url := range map[string]func(testing.TB) string{"sqlite": func(t testing.TB) string { return "sqlite://" + t.TempDir() + "/test.db" }, "postgres": testkit.Postgres} {
		for units := 1000; units <= most; units *= 10 {
			b.Run(fmt.Sprintf("%s-%d", name, units), func(b *testing.B) {
				f := fill(newWorld(b, url(b)), units)
				times := map[string][]time.Duration{}
				for b.Loop() {
					for _, o := range operations() {
						begin := time.Now()
						f.tx(func(tx *db.Tx) error { return o.do(f, tx) })
						times[o.name] = append(times[o.name], time.Since(begin))
					}
				}
				for name, all := range times {
					slices.Sort(all)
					b.ReportMetric(float64(all[len(all)/2].Microseconds()), strings.ReplaceAll(name, " ", "-")+"-µs")
				}
			})
		}
	}
}
