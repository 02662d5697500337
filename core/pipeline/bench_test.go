package pipeline_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkOnDemand brings in 20,000 units of which only the places are kept.
func BenchmarkOnDemand(b *testing.B) { measure(b, model.OnDemand, 20_000) }

// BenchmarkImmediate brings in 2,000 small files from loopback.
func BenchmarkImmediate(b *testing.B) { measure(b, model.Immediate, 2000) }

func measure(b *testing.B, policy model.Policy, units int) {
	for name, url := range map[string]func() string{"sqlite": func() string { return "sqlite://" + b.TempDir() + "/bench.db" }, "postgres": func() string { return testkit.Postgres(b) }} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, url())
			rounds := 0
			for b.Loop() {
				from, repo := w.remote(policy), w.repository()
				_, err := pipeline.Run(b.Context(), pipeline.Options{Run: w.run(), Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: from, Kind: kind,
					RepositoryID: repo, KindPath: "repositories/test/test"}, func(_ context.Context, emit func(pipeline.Unit) error) error {
					for i := range units {
						path := fmt.Sprintf("r%d/d%02d/%d", rounds, i%100, i)
						if policy == model.Immediate {
							w.up.Set("/"+path, []byte(path))
						}
						if err := emit(w.file(path, path)); err != nil {
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
