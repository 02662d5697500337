package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// field is one round.
type field struct {
	ground *ground
	plan   plan
	folder string
	db     *db.DB
	// fronts are the APIs, or the only process of the embedded mode, which is not among the workers.
	workers, fronts []*slot

	mu     sync.Mutex
	finals map[string]string
	// changed are tasks that were seen final and then otherwise.
	changed []string
}

// round plays a plan. What it finds is an error that says all of it.
func (g *ground) round(ctx context.Context, p plan) (sum tally, err error) {
	folder := filepath.Join(g.dir, fmt.Sprintf("round-%d", p.Seed))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return sum, err
	}
	address, err := g.database(ctx, p, folder)
	if err != nil {
		return sum, err
	}
	d, err := db.Open(ctx, db.Options{URL: address, MaxConnections: 4})
	if err != nil {
		return sum, err
	}
	f := &field{ground: g, plan: p, folder: folder, db: d, finals: map[string]string{}}
	sum, err = f.play(ctx, address)
	if ctx.Err() != nil {
		return sum, errors.Join(errors.New("interrupted"), d.Close())
	}
	if err != nil {
		g.violated = true
		return sum, errors.Join(err, d.Close(), errors.New(f.story(err.Error())+f.tails()))
	}
	return sum, errors.Join(d.Close(), g.drop(ctx, p, folder))
}

// play runs the processes, makes them suffer, waits for rest and judges.
func (f *field) play(ctx context.Context, address string) (tally, error) {
	running, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	f.occupy(address)
	for _, s := range f.slots() {
		all.Go(func() { _ = s.keep(running) }) // a process that cannot be started is missed in what follows
	}
	all.Go(func() { f.watchFinals(running) })
	if err := f.suffer(ctx); err != nil {
		return tally{}, fmt.Errorf("the round could not be played: %w", err)
	}
	faults := f.settle(ctx)
	stop()
	r, err := f.read(ctx)
	if err != nil {
		return tally{}, errors.Join(append(faults, fmt.Errorf("read what the round has left: %w", err))...)
	}
	for _, v := range r.violations() {
		faults = append(faults, errors.New(v))
	}
	return f.count(r), errors.Join(faults...)
}

// occupy makes the slots.
func (f *field) occupy(address string) {
	base := assignment{Database: address, Folder: f.folder, Plan: f.plan, Patience: f.ground.patience}
	if f.plan.Mode == servers {
		base.Redis = f.ground.redis.url()
	}
	number := uint64(0)
	slotOf := func(role string) *slot {
		number++
		s := &slot{base: base, restart: f.plan.Restart, number: number, vacant: make(chan struct{})}
		s.base.Role = role
		return s
	}
	front := roleAPI
	if f.plan.Mode == embedded {
		front = roleServe
	}
	for range f.plan.Workers {
		f.workers = append(f.workers, slotOf(roleWorker))
	}
	for range f.plan.APIs {
		f.fronts = append(f.fronts, slotOf(front))
	}
}

func (f *field) slots() []*slot { return slices.Concat(f.fronts, f.workers) }

// settle ends the load and waits until nothing is left to do, then stops the processes.
func (f *field) settle(ctx context.Context) (faults []error) {
	limit := time.Duration(float64(settleWithin) * f.ground.patience)
	for _, s := range f.fronts {
		s.endLoad()
	}
	if err := until(ctx, nil, limit, f.resting); err != nil {
		faults = append(faults, fmt.Errorf("%s after the last fault the round has not come to rest: %w\n%s", limit, err, f.dump(ctx)))
	}
	for _, s := range f.slots() {
		faults = append(faults, s.close(limit))
	}
	return faults
}

// resting tells what is left to do.
func (f *field) resting(ctx context.Context) error {
	if err := unfinished(f.db)(ctx); err != nil {
		return err
	}
	var listed []string
	if err := f.db.Read(ctx).Raw("SELECT name FROM core_app_statuses").Scan(&listed).Error; err != nil {
		return err
	}
	for _, name := range listed {
		if !slices.ContainsFunc(f.slots(), func(s *slot) bool { a := s.alive(); return a != "" && strings.HasPrefix(name, a+"-") }) {
			return fmt.Errorf("the process %s is gone and still on the list", name)
		}
	}
	return f.tidy()
}

// unfinished asks how many tasks have no end yet.
func unfinished(d *db.DB) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		var n int64
		err := d.Read(ctx).Raw("SELECT count(*) FROM core_tasks WHERE state IN ('waiting', 'running', 'canceling')").Scan(&n).Error
		if err == nil && n > 0 {
			err = fmt.Errorf("%d tasks are unfinished", n)
		}
		return err
	}
}

// tidy wants no working directory of a task.
func (f *field) tidy() error {
	left, err := filepath.Glob(filepath.Join(f.folder, workFolder, "tasks", "*", "*"))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d working directories are left, such as %s", len(left), left[0])
	}
	return err
}

// watchFinals looks again and again whether the end of a task changes.
func (f *field) watchFinals(ctx context.Context) {
	for pause(ctx, 50*time.Millisecond) == nil {
		var rows []struct{ ID, State string }
		err := f.db.Read(ctx).Raw("SELECT id, state FROM core_tasks WHERE state NOT IN ('waiting', 'running', 'canceling')").Scan(&rows).Error
		if err != nil {
			continue // the database is away
		}
		seen := map[string]string{}
		for _, row := range rows {
			seen[row.ID] = row.State
		}
		f.compare(seen)
	}
}

func (f *field) compare(now map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, state := range f.finals {
		if now[id] != state {
			f.changed = append(f.changed, fmt.Sprintf("task %s was %s and then %q", id, state, now[id]))
		}
	}
	maps.Copy(f.finals, now)
}

// story is what the logs say about the tasks that a text names.
func (f *field) story(text string) string {
	const mostLines = 100
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`).FindAllString(text, -1)
	var lines []string
	logs, _ := filepath.Glob(filepath.Join(f.folder, "*.log")) // the pattern is well-formed
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			lines = append(lines, err.Error())
		}
		for line := range strings.Lines(string(text)) {
			if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(line, id) }) {
				lines = append(lines, strings.TrimSpace(line)+" of="+filepath.Base(path))
			}
		}
	}
	slices.Sort(lines) // each begins with its time
	return strings.Join(lines[:min(len(lines), mostLines)], "\n") + "\n"
}

// tails are the ends of the logs of the last two processes of each slot, and of the servers.
func (f *field) tails() string {
	var b strings.Builder
	var logs []string
	for _, s := range f.slots() {
		for born := max(0, s.born-2); born < s.born; born++ {
			logs = append(logs, filepath.Join(f.folder, s.nameOf(born)+".log"))
		}
	}
	if f.plan.Mode == servers {
		logs = append(logs, f.ground.postgres.log, f.ground.redis.log)
	}
	for _, path := range logs {
		fmt.Fprintf(&b, "--- %s\n%s\n", filepath.Base(path), tail(path, 2000))
	}
	return b.String()
}
