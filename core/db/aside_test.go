package db_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/db"
)

// TestAside: what changes nothing that anybody remembers is not counted, unless something else goes along with it.
func TestAside(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		aside := func(n int) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { tx.Aside(); return add(n)(tx) }
		}
		before := d.Commits()
		must(t, d.InTx(t.Context(), aside(1)))
		if n := d.Commits() - before; n != 0 {
			t.Errorf("aside it counts %d", n)
		}
		must(t, d.InTx(t.Context(), add(2)))
		must(t, d.InTx(db.Along(t.Context(), add(3)), aside(4)))
		if n := d.Commits() - before; n != 2 {
			t.Errorf("one and one with company count %d", n)
		}
	})
}
