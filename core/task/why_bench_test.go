package task_test

import (
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkExplain asks about the last of 16,000 tasks that wait for one resource, and for the domain that all share,
// beside 20,000 that have ended.
func BenchmarkExplain(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(name, func(b *testing.B) {
			s := newStory(b, url(b))
			s.worker("w1", "")
			s.ended("sync", 20_000, 1)
			s.task("sync", task.Exclusive("repo").AndShared("domain"), runningOn("w1"))
			var last *task.Row
			s.do(func(tx *db.Tx) error {
				for range 16_000 {
					locks := task.Exclusive("repo").AndShared("domain")
					last = newRow("sync", locks, nil)
					if err := insert(tx, last, locks); err != nil {
						return err
					}
				}
				return nil
			})
			alone := s.task("sync", task.Exclusive("domain"), nil)
			turn := s.task("sync", task.Locks{}, func(r *task.Row) { ready(r); *r.Turn = 1 << 40 })
			s.do(func(tx *db.Tx) error { return tx.Exec("ANALYZE").Error })
			for _, row := range []*task.Row{last, alone, turn} {
				b.Run(fmt.Sprint(s.why(row.ID, task.Question{}).Standing, row.Seq), func(b *testing.B) {
					for b.Loop() {
						s.why(row.ID, task.Question{})
					}
				})
			}
		})
	}
}
