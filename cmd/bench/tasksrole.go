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
	"runtime/pprof"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

// roleArgument makes this program a member of a crew. The variables say on which database, in which folder, and to which
// file a profile of the processor goes; the queue is what the server would take, PACKHOUSE_REDIS_URL.
const (
	roleArgument = "role"
	roleDatabase = "BENCH_DATABASE"
	roleFolder   = "BENCH_FOLDER"
	roleProfile  = "BENCH_PROFILE"
)

// player is what a member of a crew is inside: a machine, as the server has it, and the database that it works on.
type player struct {
	db    *db.DB
	tasks *tasks.Tasks
}

// playRole obeys orders until there are no more.
func playRole(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	profiled, err := profileTo(os.Getenv(roleProfile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, profiled()) }()
	p, err := newPlayer(ctx, os.Getenv(roleDatabase), os.Getenv("PACKHOUSE_REDIS_URL"), os.Getenv(roleFolder))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
	return p.obeyAll(ctx, in, out)
}

func (p *player) obeyAll(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		a, err := p.obey(ctx, o)
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func (p *player) obey(ctx context.Context, o order) (answer, error) {
	switch o.Do {
	case "api":
		return answer{}, p.tasks.StartProcess(ctx, "api")
	case "work":
		return answer{}, p.tasks.StartWorker(ctx)
	case "run":
		return p.run(ctx, o)
	case "pile":
		return answer{}, p.pile(ctx, o, 50)
	case "drain":
		return p.drain(ctx, o)
	case "wait":
		return p.waitOneByOne(ctx, o)
	case "share":
		return p.share(ctx, o)
	}
	return answer{}, fmt.Errorf("there is no order %q", o.Do)
}

// newPlayer makes a machine with the settings that the server has when it is told nothing.
func newPlayer(ctx context.Context, database, redis, folder string) (*player, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := db.Open(ctx, db.Options{URL: database, Log: log})
	if err != nil {
		return nil, err
	}
	box, err := secret.New(bytes.Repeat([]byte{7}, 32)) // what it seals ends with the run
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	machine, err := tasks.New(tasks.Options{DB: d, Box: box, RedisURL: redis, Handlers: []task.Handler{nothing(), nap()}, Log: log, WorkDir: folder})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &player{db: d, tasks: machine}, nil
}

func (p *player) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin/2)
	defer cancel()
	return errors.Join(p.tasks.Stop(ctx), p.db.Close())
}

// profileTo records what the processor does until done is called; to no file nothing.
func profileTo(file string) (done func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("make the file of the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

// nothingArgs is a task that does nothing, to one resource.
type nothingArgs struct{ Resource string }

// Kind is a name that no server knows.
func (nothingArgs) Kind() string { return "bench.nothing" }

// Locks reserves the resource.
func (a nothingArgs) Locks() task.Locks { return task.Exclusive(a.Resource) }

func nothing() task.Handler {
	return task.Handle(func(context.Context, *task.Run, nothingArgs) (any, error) { return nil, nil })
}

// napArgs is a task that takes a given time of nobody's processor.
type napArgs struct {
	Resource string
	For      time.Duration
}

// Kind is a name that no server knows.
func (napArgs) Kind() string { return "bench.nap" }

// Locks reserves the resource.
func (a napArgs) Locks() task.Locks { return task.Exclusive(a.Resource) }

func nap() task.Handler {
	return task.Handle(func(ctx context.Context, _ *task.Run, a napArgs) (any, error) { return nil, pause(ctx, a.For) })
}

var (
	_ task.Args = nothingArgs{}
	_ task.Args = napArgs{}
)
