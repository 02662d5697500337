package base

import (
	"fmt"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// TestWhichProcessesAreAlive asks the database about heartbeats by its own clock, with times to live that differ.
func TestWhichProcessesAreAlive(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		d := tables.Open(t, url, "")
		add := func(tx *db.Tx, name string, ago, ttl int) error {
			beat := fmt.Sprintf("CURRENT_TIMESTAMP - INTERVAL '%d seconds'", ago)
			if tx.Dialect() == db.SQLite {
				beat = fmt.Sprintf("(strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-%d seconds') || '+00:00')", ago)
			}
			return tx.Exec(`INSERT INTO core_app_statuses (id, name, app_type, versions, ttl_seconds, last_heartbeat, pulp_created, pulp_last_updated)
				VALUES (?, ?, 'worker', '{}', ?, `+beat+`, ?, ?)`, ident.New(), name, ttl, model.Now(), model.Now()).Error
		}
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			for name, p := range map[string][2]int{"fresh": {0, 30}, "young": {20, 60}, "patient": {1000, 2000}, "late": {61, 30}, "gone": {100_000, 30}} {
				if err := add(tx, name, p[0], p[1]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		if err := d.Read(t.Context()).Raw("SELECT d.name FROM core_app_statuses d WHERE " + alive(d.Dialect())).Scan(&names).Error; err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		if fmt.Sprint(names) != "[fresh patient young]" {
			t.Errorf("alive are %v", names)
		}
	})
}
