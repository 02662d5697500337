package tasks

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkTasks measures empty tasks from dispatch to end, on 200 resources, with four dispatchers and one worker.
func BenchmarkTasks(b *testing.B) {
	b.Run("embedded", func(b *testing.B) { benchmark(b, newBed(b, sqliteURL(b), "").migrate()) })
	b.Run("servers", func(b *testing.B) {
		benchmark(b, newBed(b, testkit.Postgres(b), testkit.Redis(b)).migrate())
	})
}

func benchmark(b *testing.B, d *bed) {
	m := d.worker(func(o *Options) {
		o.Poll = 250 * time.Millisecond
		o.SweepEvery = 5 * time.Second
		o.LookEvery = time.Second
	})
	var n atomic.Int64
	ids := make(chan string, b.N)
	b.SetParallelism(2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ids <- dispatchAside(b, m, jobArgs{Ex: []string{fmt.Sprint("r", n.Add(1)%200)}})
		}
	})
	close(ids)
	for id := range ids {
		wait(b, m, id, "completed")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
