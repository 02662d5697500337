package tasks

import (
	"testing"

	"github.com/packhouse/packhouse/core/task"
)

// TestAWorkerTellsItsPlaces: those that long work never takes among them, be they set or not.
func TestAWorkerTellsItsPlaces(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		for _, c := range []struct {
			appType                      string
			set, setShort, places, short int64
		}{{"worker", 6, 4, 6, 4}, {"worker", 8, 0, 8, 2}, {"worker", 1, 0, 1, 0}, {"api", 6, 4, 0, 0}} {
			m := b.machine(func(o *Options) { o.Concurrency, o.ShortPlaces = int(c.set), int(c.setShort) })
			must(t, m.StartProcess(t.Context(), c.appType))
			var row task.AppStatus
			must(t, b.db.Read(t.Context()).Where("name = ?", m.self()).Take(&row).Error)
			if row.Concurrency != c.places || row.ShortPlaces == nil || *row.ShortPlaces != c.short {
				t.Errorf("%+v tells %d and %v", c, row.Concurrency, row.ShortPlaces)
			}
		}
	})
}
