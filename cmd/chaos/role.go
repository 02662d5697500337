package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/tasks"
)

// roleVariable makes this program one of the processes of a round; it holds an assignment in JSON. It is not an
// argument, since the address of the database has a password in it.
const roleVariable = "PACKHOUSE_CHAOS_ROLE"

// The roles.
const (
	roleAPI    = "api"    // dispatches, and runs immediate tasks
	roleWorker = "worker" // runs tasks
	roleServe  = "serve"  // both, the only process of an installation
)

// errUnborn is the fault of a process that did not get as far as working; the next one tries again.
var errUnborn = errors.New("the process could not begin")

// assignment is what one process is to be.
type assignment struct {
	Role string
	// Name is the process's own, as its log and its journal are called.
	Name            string
	Database, Redis string
	// Folder has the journals and the working directories.
	Folder string
	// Seed is that of the load of this very process; Idle does without load.
	Seed uint64
	Idle bool
	Plan plan
	// Patience stretches the times that a slow machine may exceed.
	Patience float64
}

// act is the main of such a process: it works until SIGTERM; the end of its standard input ends the load. It gives the
// exit code.
func act(text string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	var a assignment
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		log.Error("the assignment cannot be read", "error", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := a.perform(ctx, log)
	if errors.Is(err, errUnborn) && ctx.Err() != nil {
		return 0 // told to stop before it had begun
	}
	if err != nil {
		log.Error("the process ends with an error", "error", err)
		return 1
	}
	return 0
}

func (a assignment) perform(ctx context.Context, log *slog.Logger) (err error) {
	j, err := openJournal(a.Folder, a.Name)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: a.Database, MaxConnections: 12})
	if err != nil {
		return errors.Join(errUnborn, err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	machine, err := a.machine(d, j, log)
	if err != nil {
		return err
	}
	if err := a.begin(ctx, machine); err != nil {
		return errors.Join(errUnborn, err, stopMachine(machine))
	}
	log.Info("started", "role", a.Role)
	a.work(ctx, &load{
		dispatcher: machine, canceler: machine, db: d, journal: j, log: log, name: a.Name, seed: a.Seed, groupCap: a.Plan.Group,
	})
	log.Info("stopping", "role", a.Role)
	return stopMachine(machine)
}

// machine makes the machine with times so short that a round sees all of it.
func (a assignment) machine(d *db.DB, j *journal, log *slog.Logger) (*tasks.Tasks, error) {
	box, err := secret.New(bytes.Repeat([]byte{6}, 32))
	if err != nil {
		return nil, err
	}
	limits := tasks.Limits{PerUser: a.Plan.PerUser}
	if a.Plan.Slow > 0 {
		limits.Kinds = map[string]int{kindSlow: a.Plan.Slow}
	}
	return tasks.New(tasks.Options{
		DB: d, Box: box, RedisURL: a.Redis, Handlers: works{j}.handlers(), Log: log, Limits: limits,
		WorkerTTL: heartbeat, StrandedAfter: 3 * time.Second, APITTL: heartbeat, Grace: a.Plan.Grace, CancelLimit: time.Second,
		ImmediateLimit: a.stretched(2 * time.Second), SweepEvery: a.stretched(200 * time.Millisecond), WatchEvery: 100 * time.Millisecond,
		WorkDir: filepath.Join(a.Folder, workFolder), NameTemplate: a.Name,
	})
}

func (a assignment) stretched(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(a.Patience, 1))
}

// workFolder is where the machines keep the working directories of tasks.
const workFolder = "work"

func (a assignment) begin(ctx context.Context, machine *tasks.Tasks) error {
	if a.Role == roleWorker {
		return machine.StartWorker(ctx)
	}
	if err := machine.StartProcess(ctx, "api"); err != nil || a.Role == roleAPI {
		return err
	}
	if err := machine.Recover(ctx); err != nil {
		return err
	}
	return machine.StartWorker(ctx)
}

// work is the life of the process between start and stop.
func (a assignment) work(ctx context.Context, l *load) {
	if a.Role != roleWorker {
		loading, enough := context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // ends with the load
			enough()
		}()
		listen(ctx, l)
		if !a.Idle {
			l.run(loading)
		}
	}
	<-ctx.Done()
}

// listen has the next dispatch kill the process: after its commit on SIGUSR1, before it on SIGUSR2.
func listen(ctx context.Context, l *load) {
	dooms := make(chan os.Signal, 2)
	signal.Notify(dooms, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for {
			select {
			case s := <-dooms:
				l.doom.Store(map[os.Signal]int32{syscall.SIGUSR1: doomAfter, syscall.SIGUSR2: doomBefore}[s])
			case <-ctx.Done():
				return
			}
		}
	}()
}

// stopMachine stops in order; the time for it is that of the driver.
func stopMachine(machine *tasks.Tasks) error {
	// The signal that ended the work must not end the stopping.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := machine.Stop(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
