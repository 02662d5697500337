// Package node is a running Packhouse: one process with the machines that its mode wants, over the database, the
// storage and the queue that the settings name. Commands and tests start it alike.
//
// New starts in this order, so that a mistake is told before anything is changed, and nothing runs on what is not ready:
//
//  1. the settings are checked against the mode; packhouse serve makes its folders and locks the data folder;
//  2. the addresses are bound: connections wait from here on instead of being refused; traces begin;
//  3. database, then (serve) migrations, keys, default domain and first admin, or (others) the check that all is there;
//  4. storage;
//  5. what the apps declare becomes routes and task handlers;
//  6. the process makes itself known, (serve) settles what earlier processes left, and begins to take tasks.
//
// Run then answers requests. It stops in this order:
//
//  1. /readyz says no, and after shutdown_delay the HTTP server takes no new connections and finishes the requests that run,
//     for shutdown_timeout. They may hand out tasks and wait for them, so everything else is still there;
//  2. tasks get task_grace_interval to finish; heartbeats end last, for they vouch for the tasks;
//  3. what the content server still fetches for nobody is given up; it will be fetched when it is asked for again;
//  4. storage and database are closed, which all of these needed until here;
//  5. the data folder is unlocked when nothing can write to it any more.
package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/packhouse/packhouse/content"
	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/listen"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/obs/health"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
	"github.com/packhouse/packhouse/tasks/child"
)

// Options are what a node is made of.
type Options struct {
	Mode Mode
	// Registry holds the apps of the binary, those of the settings enabled.
	Registry *app.Registry
	Loaded   *config.Loaded
	Log      *slog.Logger
	// LogTo is where Log is written, for an access log that goes there too; nil is standard error, and lines in the form of
	// the log are told to Log itself.
	LogTo io.Writer
	// Terminal tells that a person reads what is printed; see Setup.
	Terminal bool
	// Version is that of the binary, told to upstreams; may be empty.
	Version string
	// Child starts processes for tasks that want one of their own; nil runs them inside this one.
	Child *child.Runner
}

// Node is one process. It is for one Run.
type Node struct {
	o        Options
	listener *listen.Listener // nil in a worker
	db       *db.DB
	box      *secret.Box
	blobs    storage.Storage
	store    *artifact.Store
	tasks    *tasks.Tasks
	declared []task.Declared
	identity *auth.Identifier
	audit    *audit.Log
	api      *api.Server
	content  *content.Server
	access   *access.Log // nil: none is wanted
	admin    Admin
	// observer counts and traces; metrics tells what it counts, on an address of its own or at /metrics of the listener.
	observer        *observer
	metrics         http.Handler
	health          *health.Health
	metricsListener net.Listener
	// undo closes what was opened, the last first.
	undo []func() error
}

// New starts everything but the answering of requests. What keeps it from starting is told as one error, and nothing
// stays open then. An unknown mode or a missing option panics.
func New(ctx context.Context, o Options) (*Node, error) {
	o.Mode.mustBeKnown()
	if o.Registry == nil || o.Loaded == nil || o.Log == nil {
		panic("node.New needs a registry, settings and a log")
	}
	n := &Node{o: o}
	for _, step := range []func(context.Context) error{n.claim, n.bind, n.bindMetrics, n.openTraces, n.openAccessLog, n.openDatabase, n.openStorage, n.assemble, n.begin} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.close())
		}
	}
	return n, nil
}

// Admin tells what this start did about the first admin; only packhouse serve does anything.
func (n *Node) Admin() Admin { return n.admin }

// URL is scheme, host and port of this process, as a client on this host can use them; empty for a worker.
func (n *Node) URL() string {
	if n.listener == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(n.listener.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// MetricsURL is where the metrics of this process are read; empty where they are not.
func (n *Node) MetricsURL() string {
	switch {
	case n.metricsListener != nil:
		return "http://" + n.metricsListener.Addr().String() + api.MetricsPath
	case n.listener != nil:
		return n.URL() + api.MetricsPath
	}
	return ""
}

func (n *Node) settings() config.Settings { return n.o.Loaded.Settings }

func (n *Node) later(undo func() error) { n.undo = append(n.undo, undo) }

// close undoes what was opened, the last first.
func (n *Node) close() error {
	var faults []error
	for len(n.undo) > 0 {
		last := len(n.undo) - 1
		faults = append(faults, n.undo[last]())
		n.undo = n.undo[:last]
	}
	return errors.Join(faults...)
}

func (n *Node) claim(context.Context) error {
	if err := n.o.Mode.fits(n.settings()); err != nil || n.o.Mode != Serve {
		return err
	}
	if err := makeFolders(n.settings()); err != nil {
		return err
	}
	release, err := lockFolder(n.settings().DataDir)
	if err != nil {
		return err
	}
	n.later(release)
	return nil
}

func (n *Node) bind(ctx context.Context) error {
	address, setting := n.o.Mode.listen(n.settings())
	if address == "" {
		return nil
	}
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return errs.New(errs.Invalid, "listen on %s, is another server there already? Choose another address with %s: %w", address, setting, err)
	}
	return n.bounded(bound)
}

func (n *Node) openDatabase(ctx context.Context) (err error) {
	n.db, err = OpenDatabase(ctx, n.settings(), n.o.Log, false)
	if err != nil {
		return err
	}
	n.later(n.db.Close)
	if n.o.Mode == Serve {
		setup := Setup{Registry: n.o.Registry, Settings: n.settings(), Log: n.o.Log, Terminal: n.o.Terminal}
		n.box, n.admin, err = setup.Run(ctx, n.db)
		return err
	}
	if err := CheckCurrent(ctx, n.db, n.o.Registry, n.o.Log); err != nil {
		return err
	}
	if n.o.Mode.dispatches() {
		n.box, err = openKeys(n.settings())
		return err
	}
	n.box, err = n.keysIfAny()
	return err
}

func (n *Node) openStorage(ctx context.Context) (err error) {
	if n.blobs, err = OpenStorage(ctx, n.settings()); err != nil {
		return err
	}
	n.later(func() error { return CloseStorage(n.blobs) })
	if cleaner, ok := n.blobs.(storage.Cleaner); ok && n.o.Mode == Serve {
		if _, err := cleaner.Clean(ctx, time.Now().Add(-leftoverAge)); err != nil {
			n.o.Log.Warn("half-written files of earlier processes could not be removed", "error", err)
		}
	}
	return nil
}

// leftoverAge is how old a half-written file must be before a start removes it: other hosts may share the storage.
const leftoverAge = 24 * time.Hour
