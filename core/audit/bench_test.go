package audit_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkRecord compares a small change with and without its entry; the sealing comes on top, a thousand at a time.
func BenchmarkRecord(b *testing.B) {
	change := func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_access_mark SET mark = mark + 1 WHERE id = 1").Error
	}
	b.Run("without", func(b *testing.B) {
		w := newWorld(b, testkit.SQLite(b))
		for b.Loop() {
			must(b, w.db.InTx(b.Context(), change))
		}
	})
	b.Run("with", func(b *testing.B) {
		w := newWorld(b, testkit.SQLite(b))
		for b.Loop() {
			d := w.Begin(audit.Entry{User: "ann", Action: "a", Object: "prn:a.b:c"}, true, nil)
			must(b, w.db.InTx(d.Along(b.Context()), change))
		}
	})
	b.Run("sealing", func(b *testing.B) {
		w := newWorld(b, testkit.SQLite(b))
		for b.Loop() {
			b.StopTimer()
			for range 1000 {
				must(b, w.Record(b.Context(), audit.Entry{User: "ann"}))
			}
			b.StartTimer()
			must(b, w.Seal(b.Context()))
		}
		b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
	})
}
