package noun_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/migrations"
	"github.com/packhouse/packhouse/tasks"
)

const tables = `-- depends: core 0002_remotes

CREATE TABLE test_units (
  id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL,
  relative_path {{text}} NOT NULL,
  digest {{text}} NOT NULL,
  CONSTRAINT test_units_key UNIQUE (domain_id, relative_path, digest)
);

CREATE TABLE test_repositories (id {{uuid}} PRIMARY KEY REFERENCES core_repositories (id) ON DELETE CASCADE, domain_id {{uuid}} NOT NULL);

CREATE TABLE test_pickies (id {{uuid}} PRIMARY KEY REFERENCES core_repositories (id) ON DELETE CASCADE, domain_id {{uuid}} NOT NULL);

CREATE TABLE test_distributions (id {{uuid}} PRIMARY KEY REFERENCES core_distributions (id) ON DELETE CASCADE, domain_id {{uuid}} NOT NULL);
`

type unit struct {
	noun.Content
	RelativePath, Digest string
}

type distribution struct{ noun.Distribution }

// plugin is one as small as it can be.
func plugin() *app.App {
	units := noun.ContentKind[unit]{
		Kind: noun.Kind{Path: "content/test/units", Type: "test.unit", Component: "test.TestUnit", Table: "test_units", Doc: "A unit."},
		Row:  func(u *unit) *noun.Content { return &u.Content },
		Fields: []resource.Field[unit]{
			resource.Text("relative_path", func(u *unit) *string { return &u.RelativePath }).Required(),
			resource.Hidden("d.digest", func(u *unit) *string { return &u.Digest }),
		},
		NaturalKey: []string{"relative_path", "digest"}, RepositoryKey: "relative_path", Paths: true,
		Artifact: func(u *unit, a *model.Artifact) (string, error) { u.Digest = a.SHA256; return u.RelativePath, nil },
	}
	repositories := noun.RepositoryKind[model.Repository]{
		Kind: noun.Kind{Path: "repositories/test/test", Type: "test.test", Component: "test.TestRepository", Table: "test_repositories", Doc: "A repository."},
		Row:  func(r *model.Repository) *model.Repository { return r }, Remotes: []string{"test.testremote"},
	}
	picky := noun.RepositoryKind[model.Repository]{
		Kind: noun.Kind{Path: "repositories/test/picky", Type: "test.picky", Component: "test.TestPickyRepository", Table: "test_pickies", Doc: "A repository of other content."},
		Row:  func(r *model.Repository) *model.Repository { return r }, Contents: []string{"test.else"},
	}
	distributions := noun.DistributionKind[distribution]{
		Kind: noun.Kind{Path: "distributions/test/test", Type: "test.test", Component: "test.TestDistribution", Table: "test_distributions", Doc: "A distribution."},
		Row:  func(d *distribution) *noun.Distribution { return &d.Distribution },
	}
	return &app.App{Label: "test", Version: "1", Needs: []string{app.Core}, Migrations: fstest.MapFS{"0001_init.sql": {Data: []byte(tables + alternateTables)}},
		Resources: append(alternates(repositories), units, repositories, picky, distributions), Tasks: refreshHandlers}
}

// hasty is a clock that does not wait.
type hasty struct{}

func (hasty) Now() time.Time { return time.Now() }

func (hasty) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// world is a running API with a worker.
type world struct {
	t     *testing.T
	db    *db.DB
	tasks *tasks.Tasks
	store *artifact.Store
	url   string
	// user is who asks.
	user string
}

func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.SQLite(t), "")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.Postgres(t), testkit.Redis(t))) })
}

const password = "Correct-horse-7"

func newWorld(t *testing.T, url, redis string) *world {
	t.Helper()
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	d, err := db.Open(ctx, db.Options{URL: url, Log: log})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	registry := app.NewRegistry(base.App(), plugin())
	histories, err := registry.Histories()
	must(t, err)
	runner, err := migrations.New(d, histories, migrations.Options{AppVersions: registry.Versions(), Log: log, Offline: true})
	must(t, err)
	must(t, runner.Apply(ctx, func(migrations.Step, time.Duration) {}))
	now := model.Now()
	must(t, d.InTx(ctx, func(tx *db.Tx) error {
		return tx.Create(&model.Domain{ID: ident.DefaultDomain, Name: "default", StorageClass: "x", PulpCreated: now, PulpLastUpdated: now}).Error
	}))
	users := auth.NewUsers(d, auth.NewHasher())
	_, err = users.EnsureAdmin(ctx, password)
	must(t, err)
	_, err = users.CreateUser(ctx, auth.User{Username: "helper", IsActive: true}, password)
	must(t, err)
	authenticator, err := auth.NewAuthenticator(users, time.Minute)
	must(t, err)
	sessions, err := auth.NewSessions(users, time.Hour)
	must(t, err)
	tokens, err := auth.NewTokens(users, 0, log)
	must(t, err)
	box, err := secret.New(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	files, err := fs.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	kinds := resource.NewRegistry()
	env := &resource.Env{DB: d, Artifacts: &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256}}, Declared: auth.NewDeclared(),
		Registry: kinds, Names: resource.Names{Root: "/pulp/", Content: "/pulp/content/", Kinds: kinds}, Log: log, PageSize: 100, MaxBody: 1 << 20,
		Box: box, Remotes: remote.New(remote.Options{Box: box, Egress: []string{"127.0.0.1"}, Clock: hasty{}})}
	mounted := registry.Mount(env)
	must(t, auth.Sync(ctx, d, env.Declared))
	env.Decider, err = auth.NewDecider(auth.Options{DB: d, Declared: env.Declared})
	must(t, err)
	machine, err := tasks.New(tasks.Options{DB: d, Box: box, RedisURL: redis, Handlers: mounted.Handlers, Log: log, WorkDir: t.TempDir(), Poll: 5 * time.Millisecond, SweepEvery: 200 * time.Millisecond, Grace: 20 * time.Second})
	must(t, err)
	env.Tasks, env.Cancel = machine.Dispatcher(), machine
	must(t, machine.StartProcess(ctx, "api"))
	must(t, machine.StartWorker(ctx))
	server := api.New(api.Options{Env: env, Operations: mounted.Operations, Domain: ident.DefaultDomain, Identity: &auth.Identifier{Users: users, Passwords: authenticator, Sessions: sessions, Tokens: tokens},
		Status: func(context.Context) api.Status { return api.Status{} }, Versions: registry.Versions(), Log: log})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	serving, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(serving, listener, 10*time.Second, server) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := machine.Stop(patience); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &world{t, d, machine, env.Artifacts, "http://" + listener.Addr().String(), "admin"}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what came back, as JSON.
type answer struct {
	status int
	body   map[string]any
	text   string
}

// text is a member as text.
func (a answer) get(name string) string { return fmt.Sprint(a.body[name]) }

// post sends a body of JSON; a path without the root is one below it.
func (w *world) post(path string, body any) (answer, error) { return w.send("POST", path, body) }

func (w *world) send(method, path string, body any) (answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	return w.do(method, path, "application/json", bytes.NewReader(text))
}

// upload sends a form with a file.
func (w *world) form(path, file string, fields map[string]string) (answer, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return answer{}, err
		}
	}
	part, err := form.CreateFormFile("file", "file")
	if err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(part, file); err != nil {
		return answer{}, err
	}
	if err := form.Close(); err != nil {
		return answer{}, err
	}
	return w.do("POST", path, form.FormDataContentType(), &body)
}

func (w *world) do(method, path, mediaType string, body io.Reader) (out answer, err error) {
	if !strings.HasPrefix(path, "/") {
		path = "/pulp/api/v3/" + path
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		return out, err
	}
	request.SetBasicAuth(w.user, password)
	request.Header.Set("Content-Type", mediaType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return out, err
	}
	out = answer{status: response.StatusCode, text: string(raw)}
	if len(raw) > 0 && raw[0] == '{' {
		err = json.Unmarshal(raw, &out.body)
	}
	return out, err
}

// finished waits for the task of an answer 202.
func (w *world) finished(a answer, err error) (*task.Row, error) {
	if err != nil {
		return nil, err
	}
	href := a.get("task")
	if a.status != 202 || !strings.Contains(href, "/tasks/") {
		return nil, fmt.Errorf("answered %d %s", a.status, a.text)
	}
	parts := strings.Split(strings.Trim(href, "/"), "/")
	return w.tasks.Wait(w.t.Context(), parts[len(parts)-1])
}

// made is an object that was created in the request.
func (w *world) made(a answer, err error) answer {
	w.t.Helper()
	must(w.t, err)
	if a.status != 201 {
		w.t.Fatalf("answered %d %s", a.status, a.text)
	}
	return a
}
