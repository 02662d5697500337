package pipeline_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkOnDemand brings in 20,000 units of which only the places are kept; a unit is one operation.
func BenchmarkOnDemand(b *testing.B) {
	const units = 20_000
	for name, url := range map[string]func() string{"sqlite": func() string { return "sqlite://" + b.TempDir() + "/bench.db" }, "postgres": func() string { return testkit.Postgres(b) }} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, url())
			rounds := 0
			for b.Loop() {
				from, repo := w.remote(model.OnDemand), w.repository()
				_, err := pipeline.Run(b.Context(), pipeline.Options{Run: w.run(), Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: from, Kind: kind,
					RepositoryID: repo, KindPath: "repositories/test/test"}, func(_ context.Context, emit func(pipeline.Unit) error) error {
					for i := range units {
						if err := emit(w.file(fmt.Sprintf("r%d/d%02d/%d", rounds, i%100, i), "x")); err != nil {
							return err
						}
					}
					return nil
				})
				must(b, err)
				rounds++
			}
			b.ReportMetric(float64(units*rounds)/b.Elapsed().Seconds(), "units/s")
		})
	}
}
