package journey_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/plugins"
)

// installation is a Packhouse as its users see it: addresses, and nothing else.
type installation struct {
	// api and content are scheme, host and port.
	api, content string
	// upstream is the address of a server of the folder mirror, which remotes may reach.
	upstream, mirror string
	// domains is the folder below which domains may have storages, "" when there are none.
	domains string
}

// embedded is one process with everything in its folder.
func embedded(t *testing.T) *installation {
	t.Helper()
	i := newInstallation(t)
	settings := i.settings(t, nil)
	url := run(t, node.Serve, settings)
	i.api, i.content = url, url
	return i
}

// split is one process for each machine, with PostgreSQL and Redis.
func split(t *testing.T) *installation {
	t.Helper()
	i := newInstallation(t)
	settings := i.settings(t, map[string]string{"database.url": testkit.Postgres(t), "redis_url": testkit.Redis(t), "trusted_proxies": "127.0.0.1"})
	o := nodeOptions(t, "", settings)
	_, err := node.Setup{Registry: o.Registry, Settings: o.Loaded.Settings, Log: o.Log}.RunAlone(t.Context())
	must(t, err)
	somebody(t, o)
	i.content = run(t, node.Content, settings)
	settings["content_origin"] = i.content
	i.api = run(t, node.API, settings)
	run(t, node.Worker, settings)
	return i
}

// somebody makes the user without rights.
func somebody(t *testing.T, o node.Options) {
	t.Helper()
	d, err := node.OpenDatabase(t.Context(), o.Loaded.Settings, o.Log, true)
	must(t, err)
	defer func() { _ = d.Close() }()
	_, err = auth.NewUsers(d, auth.NewHasher()).CreateUser(t.Context(), auth.User{Username: plain, IsActive: true}, plainPassword)
	must(t, err)
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	i := &installation{mirror: t.TempDir()}
	upstream := httptest.NewServer(http.FileServer(http.Dir(i.mirror)))
	t.Cleanup(upstream.Close)
	i.upstream = upstream.URL
	return i
}

func (i *installation) settings(t *testing.T, more map[string]string) map[string]string {
	t.Helper()
	const spare = "127.0.0.1:0"
	all := map[string]string{
		"data": t.TempDir(), "admin_password": adminPassword, "task_grace_interval": "5", "listen": spare, "api_listen": spare, "content_listen": spare,
		"egress.allow": "127.0.0.0/8", "allowed_import_paths": i.mirror,
	}
	maps.Copy(all, more)
	return all
}

// nodeOptions make a node of settings. The log shows what is wrong, in the test that it belongs to.
func nodeOptions(t *testing.T, mode node.Mode, settings map[string]string) node.Options {
	t.Helper()
	registry := app.NewRegistry(plugins.All()...)
	loaded, err := config.Load(config.Options{Plugins: registry.Plugins(), Flags: settings, Mode: string(mode), Dir: t.TempDir()})
	must(t, err)
	log := slog.New(slog.NewTextHandler(testWriter{t, new(sync.Mutex)}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return node.Options{Mode: mode, Registry: registry, Loaded: loaded, Log: log}
}

// run runs a node until the test ends and gives its address.
func run(t *testing.T, mode node.Mode, settings map[string]string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context())) // the test's own ends before its clean-up
	n, err := node.New(ctx, nodeOptions(t, mode, settings))
	if err != nil {
		stop()
		t.Fatalf("start the %s: %v", mode, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, make(chan struct{})) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("stop the %s: %v", mode, err)
		}
	})
	return n.URL()
}
