package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// dispatchers is how many dispatch at the same time in one process.
const dispatchers = 4

// mostTasks is how many tasks one process dispatches at most, so that what waits at the end of the load is bounded.
const mostTasks = 50

// load dispatches and cancels at random.
type load struct {
	dispatcher task.Dispatcher
	canceler   task.Canceler
	db         *db.DB
	journal    *journal
	log        *slog.Logger
	name       string
	seed       uint64
	groupCap   int
	// most is how many tasks are dispatched; 0 is mostTasks.
	most int64
	// tame does without tasks that end their process.
	tame bool

	// doom, when set, has the next dispatch kill the process before or after its commit.
	doom   atomic.Int32
	number atomic.Int64

	mu     sync.Mutex
	recent []string
	groups []string
}

// The dooms.
const (
	doomAfter  = 1
	doomBefore = 2
)

// run dispatches until ctx ends or as many tasks as wanted are dispatched, and then finishes what was begun.
func (l *load) run(ctx context.Context) {
	// detached: a dispatch that was begun is finished, so that its outcome is known.
	each := context.WithoutCancel(ctx)
	var all sync.WaitGroup
	for n := range uint64(dispatchers) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(l.seed, n))
			for l.number.Load() < l.limit() && pause(ctx, time.Duration(r.IntN(15))*time.Millisecond) == nil {
				l.step(ctx, each, r)
			}
		})
	}
	all.Wait()
}

func (l *load) limit() int64 {
	if l.most > 0 {
		return l.most
	}
	return mostTasks
}

// step does one thing. When the database is away it is not there for long, so errors only slow down.
func (l *load) step(ctx, each context.Context, r *rand.Rand) {
	each, cancel := context.WithTimeout(each, 10*time.Second)
	defer cancel()
	var err error
	switch n := r.IntN(20); {
	case n == 0:
		err = l.cancelOne(each, r)
	case n == 1:
		err = l.newGroup(each)
	default:
		if err = l.dispatchOne(each, r); err == nil {
			l.number.Add(1)
		}
	}
	if err != nil {
		l.log.Debug("a step of the load failed", "error", err)
		_ = pause(ctx, 50*time.Millisecond)
	}
}

func (l *load) dispatchOne(ctx context.Context, r *rand.Rand) error {
	kind, j := l.jobOf(r)
	userID := int64(1 + r.IntN(users))
	ctx = task.WithOrigin(ctx, task.Origin{UserID: &userID, CID: j.Name})
	var options []task.Option
	if kind == kindPing || kind == kindEffect && r.IntN(3) == 0 {
		options = append(options, task.Immediate())
	}
	if g := l.one(r, &l.groups); g != "" && r.IntN(3) == 0 {
		options = append(options, task.Group(g))
	}
	doom := l.doom.Swap(0)
	var id string
	err := l.db.InTx(ctx, func(tx *db.Tx) error {
		// Before whatever the machine does after the commit.
		tx.AfterCommit(func(context.Context) {
			if doom == doomAfter {
				die()
			}
			l.journal.committed(id)
		})
		row, err := l.dispatcher.Dispatch(ctx, tx, argsOf(kind, j), options...)
		if err != nil {
			return err
		}
		id = row.ID
		if doom == doomBefore {
			tx.BeforeCommit(func() error { die(); return nil })
		}
		return wishFor(tx, row, j, "")
	})
	if err == nil {
		l.remember(&l.recent, id)
	}
	return err
}

// die ends the process as a crash does.
func die() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic("chaos: die: " + err.Error())
	}
	select {}
}

// weighed are the kinds, the likely ones several times.
func weighed() []string {
	return append(slices.Repeat([]string{kindEffect, kindSteps}, 7),
		kindPing, kindPing, kindPing, kindSlow, kindSlow, kindFails, kindPanics, kindSpawns, kindSpawns, kindDeaf, kindRefers, kindRefers)
}

func (l *load) jobOf(r *rand.Rand) (string, job) {
	all := weighed()
	kind := all[r.IntN(len(all))]
	j := job{Name: ident.New(), Rest: r.IntN(6)}
	j.Exclusive, j.Shared = someResources(r)
	switch kind {
	case kindSlow, kindDeaf:
		j.Rest = 50 + r.IntN(200)
		if r.IntN(10) == 0 {
			j.Rest = 2000 // longer than a cancel has time
		}
	case kindRefers:
		j.Needs = artifactID(r.IntN(artifacts))
	case kindPing:
		j.Exclusive, j.Shared = nil, j.Shared[:min(len(j.Shared), 1)]
	case kindSteps:
		if len(j.Exclusive) == 0 {
			j.Exclusive, j.Shared = []string{resourceName(r.IntN(resources))}, nil
		}
	case kindSpawns:
		for range 1 + r.IntN(3) {
			child := job{Name: ident.New(), Rest: r.IntN(6)}
			child.Exclusive, child.Shared = someResources(r)
			j.Children = append(j.Children, child)
		}
	}
	// Rarely, or no worker would live for long.
	if kind == kindFails && r.IntN(8) == 0 && !l.tame {
		kind = kindSuicide
	}
	return kind, j
}

// someResources gives none to three resources, most of them exclusive.
func someResources(r *rand.Rand) (exclusive, shared []string) {
	for _, n := range r.Perm(resources)[:r.IntN(4)] {
		if r.IntN(3) > 0 {
			exclusive = append(exclusive, resourceName(n))
		} else {
			shared = append(shared, resourceName(n))
		}
	}
	return exclusive, shared
}

// cancelOne cancels something dispatched not long ago, which may have ended.
func (l *load) cancelOne(ctx context.Context, r *rand.Rand) error {
	id := l.one(r, &l.recent)
	if id == "" {
		return nil
	}
	row, err := l.canceler.Cancel(ctx, id)
	if row != nil && row.Final() {
		return nil // it had ended, or has now
	}
	return err
}

func (l *load) newGroup(ctx context.Context) error {
	var id string
	err := l.db.InTx(ctx, func(tx *db.Tx) error {
		group, err := task.NewGroup(tx, ident.DefaultDomain, fmt.Sprintf("group of %s", l.name), l.groupCap)
		if err == nil {
			id = group.ID
		}
		return err
	})
	if err == nil {
		l.remember(&l.groups, id)
	}
	return err
}

// remember keeps the last few.
func (l *load) remember(list *[]string, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, id)
	if len(*list) > 20 {
		*list = (*list)[1:]
	}
}

// one picks one of a list; empty when there is none.
func (l *load) one(r *rand.Rand, list *[]string) string {
	n := r.Uint64()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(*list) == 0 {
		return ""
	}
	return (*list)[n%uint64(len(*list))]
}
