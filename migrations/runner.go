// Package migrations brings the tables of all apps up to date, and back.
//
// Each app has a history of its own (package schema); the runner puts all of them into one order, keeps in the table
// schema_migrations what has run, and in plugin_objects which app each table, index and function belongs to, so that
// an app can be removed without a trace. Only one runner works at a time. A step runs in one transaction together
// with its entry: it has happened or it has not. The exception, a step outside transactions, is marked dirty first,
// and while the mark stands nothing else runs.
package migrations

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
)

// Options are what a runner has to know beside the histories.
type Options struct {
	// AppVersions is the version of each compiled-in app, kept with what it ran.
	AppVersions map[string]string
	// Log receives one line per step, and warnings; nil discards them.
	Log *slog.Logger
	// Offline says that no other process is online: contract steps run together with expand steps, and MinOnline is
	// not asked.
	Offline bool
	// Online gives, for each process online, the versions of its apps. Without it a step with MinOnline runs only
	// offline.
	Online func(ctx context.Context) ([]map[string]string, error)
	// LockTimeout is how long to wait for another runner; 0 means a minute.
	LockTimeout time.Duration
}

// Step is a migration that has not run yet.
type Step struct {
	App, ID string
	Phase   schema.Phase
	// SQL is the text in the dialect of the database.
	SQL string
	// Go tells that a function runs too, which cannot be shown.
	Go bool
	// NoTx tells that it runs outside a transaction.
	NoTx bool
	// Held says why the next run leaves the step out; empty when it does not.
	Held string
}

// Runner runs migrations. It has no state but what is in the database.
type Runner struct {
	db    *db.DB
	o     Options
	steps []*step
	index map[schema.Ref]*step
}

// New orders the histories. A cycle, a dependency on what is not there and a malformed history are Invalid: they are
// mistakes in the program, found without looking into the database.
func New(d *db.DB, histories []schema.History, o Options) (*Runner, error) {
	if d == nil {
		panic("migrations: New needs a database")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Minute
	}
	steps, index, err := ordered(histories, d.Dialect())
	if err != nil {
		return nil, err
	}
	return &Runner{db: d, o: o, steps: steps, index: index}, nil
}

// Plan gives all steps that have not run, in order, and changes nothing.
func (r *Runner) Plan(ctx context.Context) ([]Step, error) {
	planned, err := r.plan(ctx, true)
	if err != nil {
		return nil, err
	}
	out := make([]Step, len(planned))
	for i, p := range planned {
		out[i] = p.show()
	}
	return out, nil
}

// Pending counts the steps that this binary cannot work without: all that have not run save contract steps, which
// only remove what it does not use. It is the question of a process that starts, so it minds neither a database that is
// further than the binary (during an upgrade both are online) nor a step that is being run or was interrupted.
func (r *Runner) Pending(ctx context.Context) (int, error) {
	h, err := r.load(ctx, r.db.Read(ctx))
	if err != nil {
		return 0, err
	}
	if err := r.check(ctx, h, true); err != nil {
		return 0, err
	}
	n := 0
	for _, s := range r.steps {
		if !h.applied(s.ref) && s.PhaseOrExpand() != schema.Contract {
			n++
		}
	}
	return n, nil
}

// Apply runs what may run and calls report after each step, or tells the log where report is nil. Contract steps whose expand step ran in
// the same run, or that old processes still forbid, are left for a later run, as Plan says; other steps that old
// processes forbid make a Conflict after the rest has run. So does an edited history, a database that is further than
// the binary, and an interrupted step; another runner that does not end in time is Unavailable.
func (r *Runner) Apply(ctx context.Context, report func(Step, time.Duration)) error {
	// What is held back now stays so, even if another runner does the expand step while this one waits for its turn.
	// An interrupted step is found below: here it may be one that the other runner is working on.
	intended, err := r.plan(ctx, false)
	if err != nil {
		return err
	}
	return r.alone(ctx, func(ctx context.Context) error {
		if err := r.bootstrap(ctx); err != nil {
			return err
		}
		planned, err := r.plan(ctx, true)
		if err != nil {
			return err
		}
		return r.applyAll(ctx, keepHeld(intended, planned), report)
	})
}

func (r *Runner) applyAll(ctx context.Context, planned []planned, report func(Step, time.Duration)) error {
	var refused []string
	for _, p := range planned {
		if p.held != "" {
			refused = append(refused, r.leave(ctx, p)...)
			continue
		}
		if err := r.apply(ctx, p, report); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return errs.New(errs.Conflict, "these migrations could not run yet: %s", strings.Join(refused, "; "))
	}
	return nil
}

// leave tells of a step that is left out, and gives it back when its absence is a failure.
func (r *Runner) leave(ctx context.Context, p planned) []string {
	r.o.Log.WarnContext(ctx, "migration left for a later run", "app", p.ref.App, "id", p.ref.ID, "because", p.held)
	if p.harmless {
		return nil
	}
	return []string{p.ref.String() + " " + p.held}
}

func (r *Runner) apply(ctx context.Context, p planned, report func(Step, time.Duration)) error {
	begin := time.Now()
	ran, err := r.up(ctx, p.step)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if !ran {
		return nil
	}
	if report != nil { // it is told once: who has it reported shows it
		report(p.show(), took)
		return nil
	}
	r.o.Log.InfoContext(ctx, "migration ran", "app", p.ref.App, "id", p.ref.ID, "took", took)
	return nil
}
