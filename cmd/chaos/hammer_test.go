package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/tasks"
)

// TestManyAtOnce has several machines in one process, which is where the race detector sees everything, dispatch, claim,
// end and cancel at the same time. What they leave must add up as after a round, and no goroutine may be left. It does
// not run beside other tests: their goroutines would be taken for leaks.
func TestManyAtOnce(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		t.Run(name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			hammer(t, address(t), testkit.Redis(t))
			if err := goleak.Find(leaks); err != nil {
				t.Error(err)
			}
		})
	}
}

// The size of it.
const (
	machines     = 2
	tasksOfEach  = 25
	hammerWithin = 2 * time.Minute
)

func hammer(t *testing.T, address, redis string) {
	ctx, cancel := context.WithTimeout(t.Context(), hammerWithin)
	defer cancel()
	d, err := db.Open(ctx, db.Options{URL: address, MaxConnections: 20})
	must(t, err)
	defer func() { must(t, d.Close()) }()
	must(t, fill(ctx, d))
	f := &field{plan: plan{Seed: 1, Mode: servers, PerUser: 3, Slow: 1, Group: 2, Grace: time.Second}, folder: t.TempDir(), db: d, finals: map[string]string{}}
	j, err := openJournal(f.folder, "all")
	must(t, err)
	defer func() { must(t, j.file.Close()) }()

	a := assignment{Role: roleWorker, Name: "hammer", Redis: redis, Folder: f.folder, Plan: f.plan, Patience: 10}
	var all []*tasks.Tasks
	watching, enough := context.WithCancel(ctx)
	done := make(chan struct{}, machines+1)
	for n := range uint64(machines) {
		m, err := a.machine(d, j, slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, m.StartWorker(ctx))
		all = append(all, m)
		go func() {
			defer func() { done <- struct{}{} }()
			l := &load{dispatcher: m, canceler: m, db: d, journal: j, log: slog.New(slog.DiscardHandler), name: "hammer", seed: n, groupCap: f.plan.Group, most: tasksOfEach, tame: true}
			l.run(ctx)
		}()
	}
	go func() {
		defer func() { done <- struct{}{} }()
		f.watchFinals(watching)
	}()
	for range machines {
		<-done
	}
	must(t, until(ctx, nil, hammerWithin, unfinished(d)))
	enough()
	<-done
	for _, m := range all {
		must(t, m.Stop(ctx))
	}
	r, err := f.read(ctx)
	must(t, err)
	if found := r.violations(); len(found) > 0 {
		t.Error(strings.Join(found, "\n"))
	}
	if len(r.tasks) < machines*tasksOfEach {
		t.Errorf("only %d tasks", len(r.tasks))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
