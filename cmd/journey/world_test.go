// Package journey_test takes a whole Packhouse on the ways that its clients go: one suite, run on the embedded database
// with the queue inside the process, and on PostgreSQL with Redis.
package journey_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/plugins"
)

// The users of every world.
const (
	admin, adminPassword = "admin", "Correct-horse-7"
	plain, plainPassword = "plain", "Battery-staple-7"
)

// backends are the databases and queues that everything has to be the same on.
func backends() map[string]func(t *testing.T) map[string]string {
	return map[string]func(t *testing.T) map[string]string{
		"SQLite": func(*testing.T) map[string]string { return nil },
		"PostgreSQL": func(t *testing.T) map[string]string {
			return map[string]string{"database.url": testkit.Postgres(t), "redis_url": testkit.Redis(t)}
		},
	}
}

// onEach runs a test in a fresh world on every backend.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, settings := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, settings(t)))
		})
	}
}

// world is a running Packhouse with its users.
type world struct {
	url string
	db  *db.DB
	// group is a task group, which no request makes yet.
	group string
	// places is the folder below which domains may have storages.
	places string
}

func newWorld(t *testing.T, flags map[string]string) *world {
	t.Helper()
	settings := map[string]string{"data": t.TempDir(), "listen": "127.0.0.1:0", "admin_password": adminPassword, "task_grace_interval": "5"}
	for name, value := range flags {
		settings[name] = value
	}
	registry := app.NewRegistry(plugins.All()...)
	loaded, err := config.Load(config.Options{Plugins: registry.Plugins(), Flags: settings, Mode: "serve", Dir: t.TempDir()})
	must(t, err)
	log := slog.New(slog.NewTextHandler(testWriter{t, new(sync.Mutex)}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, stop := context.WithCancel(t.Context())
	n, err := node.New(ctx, node.Options{Mode: node.Serve, Registry: registry, Loaded: loaded, Log: log})
	must(t, err)
	ended, hurry := make(chan error, 1), make(chan struct{})
	go func() { ended <- n.Run(ctx, hurry) }()
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Errorf("the node did not stop well: %v", err)
		}
	})
	w := &world{url: n.URL(), places: filepath.Join(settings["data"], "domains")}
	w.db, err = node.OpenDatabase(t.Context(), loaded.Settings, log, true)
	must(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.people(t)
	return w
}

// people makes what no request makes yet: a user without rights, and a task group.
func (w *world) people(t *testing.T) {
	t.Helper()
	_, err := auth.NewUsers(w.db, auth.NewHasher()).CreateUser(t.Context(), auth.User{Username: plain, IsActive: true}, plainPassword)
	must(t, err)
	base := model.NewBase(ident.DefaultDomain)
	w.group = base.ID
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Create(&task.GroupRow{Base: base, Description: "of a test"}).Error
	}))
}

// do sends a request and reads the answer to its end.
func (w *world) do(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	must(t, err)
	defer answer.Body.Close()
	out := httptest.NewRecorder()
	out.Code = answer.StatusCode
	for name, values := range answer.Header {
		out.Header()[name] = values
	}
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	out.Body = bytes.NewBuffer(body)
	return out
}

// testWriter shows a log in the test that it belongs to, and nothing of it once the test is over.
type testWriter struct {
	t    *testing.T
	lock *sync.Mutex
}

func (w testWriter) Write(line []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.t.Context().Err() == nil {
		w.t.Log(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
