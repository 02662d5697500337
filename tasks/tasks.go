// Package tasks is the machine that reserves, delivers and runs background work.
//
// The row of a task is the truth. It is written, with its locks, in the caller's transaction (dispatch.go), whose last
// act decides whether it may start (reserve.go) and gives it its turn (fair.go). Workers are told that something is ready
// (bell.go, queue.go), and look by themselves every second. Each has a clerk (clerk.go), who claims the next in turn
// (claim.go), has them run (execute.go; immediate.go for those that are run where they are dispatched), writes how they
// ended, frees the locks and gives the next in line their turn, all that in one transaction (settle.go, finish.go). Redis
// thus only carries wake-ups, and the sweeper (sweep.go) settles what the dead have left.
package tasks

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// Box seals and opens the arguments of tasks; core/secret has one.
type Box interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Options are what the machine needs and may be told. DB and Box are required.
type Options struct {
	DB  *db.DB
	Box Box
	// RedisURL is redis://, rediss:// or unix://; empty is a queue inside the process, which suits a single
	// process only.
	RedisURL string
	// Handlers are all kinds of tasks that this process can run and dispatch.
	Handlers []task.Handler
	// Log nil discards.
	Log *slog.Logger
	// Versions of the components, shown with the process.
	Versions map[string]string
	// Concurrency is the number of tasks that one worker runs at a time; 0 is 8.
	Concurrency int
	// Poll is how often an idle worker asks Redis for a wake-up that it has not heard; 0 is 250 ms.
	Poll time.Duration
	// WorkerTTL, APITTL and ContentTTL are the times without a heartbeat after which a process of that type counts as
	// dead, in whole seconds; 0 is 30, 120 and 30 seconds.
	WorkerTTL, APITTL, ContentTTL time.Duration
	// Grace is how long Stop lets running tasks go on; 0 aborts them at once.
	Grace time.Duration
	// Redact keeps the text of internal errors out of the rows.
	Redact bool
	// PreferDefer leaves immediate tasks to workers.
	PreferDefer bool
	// WorkDir is the folder below which tasks get their working directories, in its subfolder "tasks"; empty is the
	// system's folder for temporary files.
	WorkDir string
	// NameTemplate makes the names of processes from {pid} and {hostname}; empty is "{pid}@{hostname}". A random end
	// is added, so that no process is ever taken for another.
	NameTemplate string

	// Limits say how many tasks of one user, group of users or kind run side by side.
	Limits Limits
	// CancelLimit is how long canceled work may go on before its end is written without it; 0 is 30 s.
	CancelLimit time.Duration
	// ShortPlaces is how many of the places of a worker long work never takes; 0 is a quarter, but one at least where
	// there are two.
	ShortPlaces int

	// ImmediateLimit is how long an immediate task may run; 0 is 5 s.
	ImmediateLimit time.Duration
	// SweepEvery is the time between two sweeps of a worker; 0 is 5 s.
	SweepEvery time.Duration
	// StrandedAfter is the age from which a claim of this process that it does not know of, because the answer of the
	// database got lost, is put back; 0 is 10 s.
	StrandedAfter time.Duration
	// LookEvery is the longest time between two looks of a worker for ready tasks, with or without Redis; 0 is 1 s.
	LookEvery time.Duration
	// WatchEvery is how often the row of a running task is checked for a request to cancel it; 0 is 1 s.
	WatchEvery time.Duration
	// Observer hears what happens; nil tells nobody.
	Observer Observer
	// Keep keeps what the diagnostics of tasks record; nil records nothing.
	Keep task.Keep
	// Child runs the work of kinds that want a process of their own; nil runs it inside this one.
	Child Runner
}

// Limits are caps on the tasks that run side by side, in all processes together. 0 and what is missing is no limit.
type Limits struct {
	// PerUser is for each user alone.
	PerUser int
	// Groups are the members of a group of users together, by the name of the group.
	Groups map[string]int
	// Kinds are by the name of the kind.
	Kinds map[string]int
}

// Tasks is the machine. One per process.
type Tasks struct {
	o     Options
	db    *db.DB
	log   *slog.Logger
	queue *queue
	kinds map[string]task.Handler

	bell    *bell
	running registry
	finals  finals
	faults  scheduleFaults
	// abandoned is closed when Stop gives up; nothing is tried again after that.
	abandoned chan struct{}

	// strangers are claims of this process that it does not know of.
	strangers sightings
	// following are looks at the next in line, after the end that set them free.
	following sync.WaitGroup

	mu        sync.Mutex
	stopped   bool
	processes []*process
	workers   []*worker
}

// New makes the machine without starting anything but, for an empty RedisURL, the queue inside the process. Two
// handlers of one kind, or a missing DB or Box, panic. A Redis that does not answer is no error: the work waits.
func New(o Options) (*Tasks, error) {
	if o.DB == nil || o.Box == nil {
		panic("tasks: Options need a DB and a Box")
	}
	o = o.withDefaults()
	q, err := openQueue(o)
	if err != nil {
		return nil, err
	}
	return &Tasks{o: o, db: o.DB, log: o.Log, queue: q, bell: newBell(q, o.Log), kinds: byKind(o.Handlers), abandoned: make(chan struct{})}, nil
}

// Dispatcher accepts work.
func (t *Tasks) Dispatcher() task.Dispatcher { return t }

// Kinds are the names of all kinds of tasks that are known here.
func (t *Tasks) Kinds() []string {
	var out []string
	for _, h := range t.o.Handlers {
		out = append(out, h.Kind())
	}
	return out
}

// Ping asks Redis for a sign of life. One that does not answer is errs.Unavailable, and does not keep tasks from running;
// one that refuses the user, the password or the database of the URL is errs.Invalid.
func (t *Tasks) Ping(ctx context.Context) error { return t.queue.ping(ctx) }

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = Unobserved{}
	}
	if o.WorkDir == "" {
		o.WorkDir = filepath.Join(os.TempDir(), "packhouse")
	}
	if o.NameTemplate == "" {
		o.NameTemplate = "{pid}@{hostname}"
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.ShortPlaces <= 0 {
		o.ShortPlaces = max(o.Concurrency/4, 1)
	}
	o.ShortPlaces = min(o.ShortPlaces, o.Concurrency-1)
	if o.Observer == nil {
		o.Observer = Unobserved{}
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&o.Poll: 250 * time.Millisecond, &o.WorkerTTL: 30 * time.Second, &o.APITTL: 120 * time.Second,
		&o.ContentTTL: 30 * time.Second, &o.ImmediateLimit: 5 * time.Second, &o.SweepEvery: 5 * time.Second,
		&o.LookEvery: time.Second, &o.StrandedAfter: 10 * time.Second, &o.WatchEvery: time.Second, &o.CancelLimit: 30 * time.Second,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	return o
}

func byKind(all []task.Handler) map[string]task.Handler {
	out := map[string]task.Handler{}
	for _, h := range all {
		if _, twice := out[h.Kind()]; twice || h.Kind() == "" {
			panic("tasks: there are two handlers, or one without a name, for the kind " + h.Kind())
		}
		out[h.Kind()] = h
	}
	return out
}

var (
	_ task.Dispatcher = (*Tasks)(nil)
	_ task.Canceler   = (*Tasks)(nil)
)
