package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The ways to run.
const (
	servers  = "servers"
	embedded = "embedded"
)

// heartbeat is the time to live of all processes of a round, in whole seconds.
const heartbeat = time.Second

// plan is everything that is decided about a round before it begins. It follows from the seed alone; when things then
// happen is up to the machine.
type plan struct {
	Seed          uint64
	Mode          string
	Workers, APIs int
	// Load is how long tasks are dispatched, Restart how long a dead process stays away.
	Load, Restart time.Duration
	// Grace is what a process that is told to stop gives its tasks.
	Grace time.Duration
	// PerUser, Slow and Group cap what runs side by side: for each user, of the kind chaos.slow, of each group. 0 is
	// no limit.
	PerUser, Slow, Group int
	Faults               []fault
}

// fault is one thing that goes wrong.
type fault struct {
	At   time.Duration
	What what
	// Target says which of the processes it befalls, counted around.
	Target int
	// For is how long it lasts, where it lasts.
	For time.Duration
}

// what names a kind of fault.
type what string

// The kinds of faults.
const (
	killWorker   what = "kill -9 worker"
	termWorker   what = "SIGTERM worker"
	freezeWorker what = "freeze worker"
	killAPI      what = "kill -9 API"
	termAPI      what = "SIGTERM API"
	freezeAPI    what = "freeze API"
	// dieAfter kills an API right after the commit of a dispatch, before anything that the machine does then.
	dieAfter what = "die after commit"
	// dieBefore kills it as the last thing before that commit.
	dieBefore     what = "die before commit"
	flushRedis    what = "FLUSHALL"
	killRedis     what = "kill -9 Redis"
	absentRedis   what = "Redis away"
	stopPostgres  what = "stop -m immediate PostgreSQL"
	killPostgres  what = "kill -9 PostgreSQL"
	absentDB      what = "PostgreSQL away"
	cutPostgres   what = "terminate connections"
	killServe     what = "kill -9 serve"
	termServe     what = "SIGTERM serve"
	freezeServe   what = "freeze serve"
	diesAfterOne  what = "serve dies after commit"
	diesBeforeOne what = "serve dies before commit"
)

// faultsOf are the faults of a mode; one that stands there twice comes twice as often.
func faultsOf(mode string) []what {
	if mode == embedded {
		return []what{killServe, killServe, killServe, termServe, freezeServe, diesAfterOne, diesBeforeOne}
	}
	return []what{
		killWorker, killWorker, killWorker, termWorker, freezeWorker, freezeWorker, killAPI, killAPI, termAPI, freezeAPI,
		dieAfter, dieAfter, dieBefore, flushRedis, flushRedis, killRedis, absentRedis, stopPostgres, killPostgres, absentDB, cutPostgres,
	}
}

// planOf makes the plan of a seed. With both modes, every fourth round is embedded.
func planOf(seed uint64, modes []string) plan {
	r := rand.New(rand.NewPCG(seed, 6))
	p := plan{
		Seed: seed, Mode: modes[0], Workers: 2 + r.IntN(2), APIs: 1 + r.IntN(2),
		Load: between(r, 1000, 2000), Restart: between(r, 50, 400), Grace: between(r, 0, 500),
		PerUser: r.IntN(2) * (3 + r.IntN(3)), Slow: r.IntN(3), Group: r.IntN(3),
	}
	if len(modes) > 1 {
		p.Mode = servers
		if seed%4 == 3 {
			p.Mode = embedded
		}
	}
	if p.Mode == embedded {
		p.Workers, p.APIs = 0, 1
	}
	// One round in eight is calm: what fails there has no excuse.
	if r.IntN(8) > 0 {
		p.Faults = someFaults(r, p)
	}
	return p
}

func someFaults(r *rand.Rand, p plan) []fault {
	kinds := faultsOf(p.Mode)
	var all []fault
	for n := range 1 + r.IntN(6) {
		f := fault{
			At: between(r, 100, int(p.Load.Milliseconds())), What: kinds[r.IntN(len(kinds))], Target: r.IntN(4),
			// A frozen process comes back when it counts as dead.
			For: heartbeat + between(r, 200, 1200),
		}
		if n > 0 && r.IntN(3) == 0 {
			f.At = all[n-1].At
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b fault) int { return cmp.Compare(a.At, b.At) })
	return all
}

func between(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least)) * time.Millisecond
}

// String is the whole plan.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan of seed %d: %s, %d workers, %d APIs, load for %s, restart after %s, grace %s, caps %d/%d/%d", p.Seed, p.Mode, p.Workers, p.APIs,
		p.Load, p.Restart, p.Grace, p.PerUser, p.Slow, p.Group)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  at %6s %s (%d, %s)", f.At, f.What, f.Target, f.For)
	}
	return b.String()
}

// short names the faults.
func (p plan) short() string {
	if len(p.Faults) == 0 {
		return "calm"
	}
	var names []string
	for _, f := range p.Faults {
		names = append(names, string(f.What))
	}
	return strings.Join(names, ", ")
}

// calm tells whether nothing goes wrong on purpose.
func (p plan) calm() bool { return len(p.Faults) == 0 }

// harms tells whether one of these faults is in the plan.
func (p plan) harms(any ...what) bool {
	return slices.ContainsFunc(p.Faults, func(f fault) bool { return slices.Contains(any, f.What) })
}
