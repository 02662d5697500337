package resource

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkVisibleList lists 100 of 1,000,000 objects, for a superuser and for a user with a role on 10,000 of them.
func BenchmarkVisibleList(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchList(b, testkit.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchList(b, testkit.Postgres(b)) })
}

func benchList(b *testing.B, url string) {
	s := newSight(b, url)
	root, err := s.users.CreateUser(b.Context(), auth.User{Username: "root", IsActive: true, IsSuperuser: true}, "")
	must(b, err)
	ann, err := s.users.CreateUser(b.Context(), auth.User{Username: "ann", IsActive: true}, "")
	must(b, err)
	s.fill(b, ann, 1_000_000, 10_000)
	decider, err := auth.NewDecider(auth.Options{DB: s.db, Declared: s.declared})
	must(b, err)
	for _, u := range []*auth.User{root, ann} {
		user, err := s.users.User(b.Context(), u.ID)
		must(b, err)
		for what, query := range map[string]string{"page": "SELECT d.id FROM test_things d WHERE d.domain_id = ? AND %s ORDER BY d.id DESC LIMIT 100", "count": "SELECT count(*) FROM test_things d WHERE d.domain_id = ? AND %s"} {
			b.Run(user.Username+" "+what, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					cond, err := s.viewer(b.Context(), decider, user, ident.DefaultDomain).Sees("test.thing", "test.view_thing", "d.id")
					must(b, err)
					var rows []string
					must(b, s.db.Read(b.Context()).Raw(fmt.Sprintf(query, cond.SQL), append([]any{ident.DefaultDomain}, cond.Args...)...).Scan(&rows).Error)
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
			})
			cond, err := s.viewer(b.Context(), decider, user, ident.DefaultDomain).Sees("test.thing", "test.view_thing", "d.id")
			must(b, err)
			explain := "EXPLAIN "
			if s.db.Dialect() == db.SQLite {
				explain = "EXPLAIN QUERY PLAN "
			}
			rows, err := s.db.Read(b.Context()).Raw(explain+fmt.Sprintf(query, cond.SQL), append([]any{ident.DefaultDomain}, cond.Args...)...).Rows()
			must(b, err)
			columns, err := rows.Columns()
			must(b, err)
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				must(b, rows.Scan(values...))
				b.Logf("%s %s: %v", user.Username, what, *values[len(values)-1].(*any))
			}
			must(b, rows.Close())
		}
	}
}

// fill makes objects and gives a user a role on every so many of them.
func (s *sight) fill(b *testing.B, user *auth.User, objects, roles int) {
	b.Helper()
	owner, err := auth.FindRole(s.db.Read(b.Context()), "test.thing_owner")
	must(b, err)
	must(b, s.db.InTx(b.Context(), func(tx *db.Tx) error {
		if err := tx.Exec("CREATE INDEX test_things_domain ON test_things (domain_id, id); CREATE INDEX test_things_creator ON test_things (created_by, id)").Error; err != nil {
			return err
		}
		numbers, id := "generate_series(1, ?) AS g(n)", "CAST('01900000-0000-7000-8000-' || lpad(CAST(g.n AS text), 12, '0') AS uuid)"
		if tx.Dialect() == db.SQLite {
			numbers, id = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c) g", "'01900000-0000-7000-8000-' || printf('%012d', g.n)"
		}
		if err := tx.Exec("INSERT INTO test_things (id, domain_id) SELECT "+id+", '"+ident.DefaultDomain+"' FROM "+numbers, objects).Error; err != nil {
			return err
		}
		every := fmt.Sprint(objects / roles)
		assignment := "CAST('01910000-0000-7000-8000-' || lpad(CAST(g.n AS text), 12, '0') AS uuid)"
		if tx.Dialect() == db.SQLite {
			assignment = "'01910000-0000-7000-8000-' || printf('%012d', g.n)"
		}
		return tx.Exec("INSERT INTO core_role_assignments (id, user_id, role_id, model, object_id, pulp_created, pulp_last_updated) SELECT "+assignment+", ?, r.id, 'test.thing', "+id+", r.pulp_created, r.pulp_created FROM "+numbers+
			" JOIN core_roles r ON r.id = ? WHERE g.n % "+every+" = 0", user.ID, objects, owner.ID).Error
	}))
	must(b, s.db.InTx(b.Context(), func(tx *db.Tx) error { return tx.Exec("ANALYZE").Error }))
}
