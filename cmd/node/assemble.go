package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/packhouse/packhouse/content"
	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/tasks"
)

// assemble turns what the apps declare into the machines of the mode.
func (n *Node) assemble(ctx context.Context) error {
	digests, err := algorithms(n.settings())
	if err != nil {
		return err
	}
	env := newEnv(n.settings(), n.o.Log)
	env.DB, env.Box, env.Artifacts, env.Remotes = n.db, n.box, &artifact.Store{Storage: n.blobs, Algorithms: digests}, n.newRemotes()
	n.openDomains(env)
	mounted := n.o.Registry.Mount(env)
	n.declared = mounted.Schedules
	if env.Decider, err = NewDecider(n.db, n.o.Registry, env.Declared, n.settings()); err != nil {
		return err
	}
	if mounted.Handlers, err = isolated(n.settings(), mounted.Handlers); err != nil {
		return err
	}
	if err := limitsMeanSomething(n.settings(), mounted.Handlers); err != nil {
		return err
	}
	if err := n.openMetrics(mounted); err != nil {
		return err
	}
	if n.tasks, err = tasks.New(n.taskOptions(ctx, mounted)); err != nil {
		return fmt.Errorf("set up the tasks: %w", err)
	}
	// For a start that fails later: nothing has begun that is worth waiting for. Run stops them with their grace.
	n.later(func() error { return n.tasks.Stop(expired(ctx)) })
	n.askForMetrics()
	env.Tasks, env.Cancel = n.tasks, n.tasks
	if n.identity, err = n.newIdentity(); err != nil {
		return err
	}
	env.Users, env.Tokens = n.identity.Users, n.identity.Tokens
	if n.o.Mode.content() {
		if n.content, err = n.newContent(ctx, env, mounted); err != nil {
			return err
		}
	}
	if n.o.Mode.api() {
		env.Audit, env.SigningKey = n.startAudit(ctx), n.signingKey()
		n.startUpkeep(ctx)
		n.api, err = n.newAPI(env, mounted)
	}
	return err
}

// newRemotes makes what fetches from upstreams, for tasks and for the content server alike.
func (n *Node) newRemotes() *remote.Remotes {
	s, agent := n.settings(), "packhouse"
	if n.o.Version != "" {
		agent += "/" + n.o.Version
	}
	return remote.New(remote.Options{Box: n.box, Egress: s.Egress.Allow, ImportPaths: s.AllowedImportPaths, UserAgent: agent, Log: n.o.Log})
}

func (n *Node) newContent(ctx context.Context, env *resource.Env, mounted app.Mounted) (*content.Server, error) {
	s := n.settings()
	finder, err := n.newFinder(env, mounted)
	if err != nil {
		return nil, err
	}
	fetcher := fetch.New(n.pulling(fetch.Options{
		DB: n.db, Store: env.Artifacts, Log: n.o.Log,
		Source:   func(row *model.Remote) (fetch.Source, error) { return env.Remotes.Client(row) },
		Cooldown: time.Duration(s.RemoteContentFetchFailureCooldown) * time.Second,
		Alone:    embedded(s),
	}, mounted))
	n.later(fetcher.Close) // its clients are done by then, or given up
	n.lookAfterPulls(ctx, fetcher)
	return content.New(content.Options{
		Resolver:                finder,
		Storage:                 n.storageOf,
		FindDomain:              n.findDomainAgain(),
		Memory:                  int64(s.ContentMemory) << 20,
		Fetcher:                 fetcher,
		Prefix:                  s.ContentPathPrefix,
		Origin:                  s.ContentOrigin,
		Identify:                n.identity.Identify,
		Proxies:                 n.identity.Proxies,
		RedirectToObjectStorage: s.RedirectToObjectStorage,
		HandOver:                content.HandOver{To: s.ContentSendfile, Root: filepath.Clean(s.Storage.Location)},
		MaxAge:                  s.ContentMaxAge,
		TellCache:               s.CacheEnabled,
		Served:                  n.observer.metrics.Content.Served,
		Downloaded:              n.noteDownloads(ctx),
		Access:                  n.access,
		Log:                     n.o.Log,
	}), nil
}

func (n *Node) newAPI(env *resource.Env, mounted app.Mounted) (*api.Server, error) {
	signOn, err := n.newSignOn(n.identity.Users)
	if err != nil {
		return nil, err
	}
	exchanger, err := n.newExchange(n.identity.Users, n.identity.Tokens)
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Env: env, Operations: mounted.Operations, Domain: ident.DefaultDomain, FindDomain: n.findDomain(),
		Identity: n.identity, SignOn: signOn, Exchange: exchanger,
		Status: n.status, Versions: n.o.Registry.Versions(),
		Access: n.access, Log: n.o.Log,
	}), nil
}

func (n *Node) taskOptions(ctx context.Context, mounted app.Mounted) tasks.Options {
	s := n.settings()
	seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
	return n.withChildren(tasks.Options{
		DB: n.db, Box: n.box, RedisURL: s.RedisURL.Reveal(), Handlers: mounted.Handlers, Log: n.o.Log, Versions: n.o.Registry.Versions(),
		Concurrency: s.Worker.Concurrency, Poll: s.Worker.PollInterval,
		WorkerTTL: seconds(s.WorkerTTL), APITTL: seconds(s.APIAppTTL), ContentTTL: seconds(s.ContentAppTTL),
		Grace: seconds(s.TaskGraceInterval), Redact: s.RedactUnsafeExceptions, PreferDefer: s.TaskPreferDefer,
		WorkDir: s.WorkingDirectory, NameTemplate: nameTemplate(ctx, s.WorkerNameTemplate),
		Limits:      tasks.Limits{PerUser: s.TaskLimits.PerUser, Groups: s.TaskLimits.Groups, Kinds: s.TaskLimits.Kinds},
		CancelLimit: seconds(s.TaskCancelLimit), ShortPlaces: s.Worker.ShortPlaces, Observer: n.observer,
		Keep: base.KeepProfiles(n.db, n.store),
	})
}

// nameTemplate fills in the full name of the host, which takes asking a name server; the rest is filled in per process.
func nameTemplate(ctx context.Context, template string) string {
	if !strings.Contains(template, "{fqdn}") {
		return template
	}
	return strings.ReplaceAll(template, "{fqdn}", fullHostname(ctx))
}

// fullHostname falls back to the short name where no name server knows more.
func fullHostname(ctx context.Context) string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	full, err := net.DefaultResolver.LookupCNAME(ctx, host)
	if err != nil || full == "" {
		return host
	}
	return strings.TrimSuffix(full, ".")
}

// begin makes the process known and lets the worker take tasks.
func (n *Node) begin(ctx context.Context) error {
	if n.o.Mode == Child {
		return nil
	}
	if n.o.Mode.dispatches() {
		if err := n.redisAnswers(ctx); err != nil {
			return err
		}
		if err := n.declareSchedules(ctx); err != nil {
			return err
		}
	}
	for _, appType := range n.o.Mode.appTypes() {
		if err := n.tasks.StartProcess(ctx, appType); err != nil {
			return err
		}
	}
	if !n.o.Mode.worker() {
		return nil
	}
	// Only the embedded database is sure to have no other processes: elsewhere the sweeper finds out in its own time.
	if n.o.Mode == Serve && n.db.Dialect() == db.SQLite {
		if err := n.tasks.Recover(ctx); err != nil {
			return fmt.Errorf("settle what earlier processes left: %w", err)
		}
	}
	return n.tasks.StartWorker(ctx)
}

// expired is a context whose time is up.
func expired(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
