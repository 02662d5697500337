package node

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// away is an address at which nothing answers: port 1 is nobody's.
const away = "127.0.0.1:1"

// split are the variables of processes that share real servers.
func split(t *testing.T, dir string) []string {
	t.Helper()
	endpoint, access, secret, bucket := testkit.S3(t)
	return []string{
		"PACKHOUSE_DATA=" + dir, "PACKHOUSE_ADMIN_PASSWORD=" + adminPassword,
		"PACKHOUSE_DATABASE__URL=" + testkit.Postgres(t), "PACKHOUSE_REDIS_URL=" + testkit.Redis(t),
		"PACKHOUSE_STORAGE__BACKEND=s3", "PACKHOUSE_STORAGE__S3__ENDPOINT=" + endpoint, "PACKHOUSE_STORAGE__S3__BUCKET=" + bucket,
		"PACKHOUSE_STORAGE__S3__ACCESS_KEY=" + access, "PACKHOUSE_STORAGE__S3__SECRET_KEY=" + secret,
		"PACKHOUSE_REDIRECT_TO_OBJECT_STORAGE=false",
	}
}

func TestProcessesWorkSideBySide(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	refused(t, options(t, API, environ...), errs.Conflict, "packhouse migrate")
	setUp(t, false, environ...)
	api, second := start(t, API, environ...), start(t, API, environ...)
	content := start(t, Content, environ...)
	worker := start(t, Worker, environ...)
	if worker.URL() != "" {
		t.Errorf("the worker has the URL %s", worker.URL())
	}
	_, status := second.call("GET", "/pulp/api/v3/status/", nil)
	for list, want := range map[string]int{"online_api_apps": 2, "online_content_apps": 1, "online_workers": 1} {
		if online, _ := status[list].([]any); len(online) != want {
			t.Errorf("%s: %v", list, status[list])
		}
	}
	if connected := status["redis_connection"].(map[string]any)["connected"]; connected != true {
		t.Errorf("Redis: %v", connected)
	}
	wholeWay(t, api, content)
	if status, _ := api.call("GET", "/pulp/content/", nil); status != http.StatusNotFound {
		t.Errorf("the API serves content: %d", status)
	}
	if status, _ := content.call("GET", "/pulp/api/v3/status/", nil); status != http.StatusNotFound {
		t.Errorf("the content server serves the API: %d", status)
	}
	if err := worker.stop(); err != nil {
		t.Fatal(err)
	}
	_, status = api.call("GET", "/pulp/api/v3/status/", nil)
	if online, _ := status["online_workers"].([]any); len(online) != 0 {
		t.Errorf("a worker that was stopped is still online: %v", online)
	}
}

func TestTheRedirectLeadsToTheBytes(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	environ[len(environ)-1] = "PACKHOUSE_REDIRECT_TO_OBJECT_STORAGE=true"
	n := start(t, Serve, environ...)
	wholeWay(t, n, n)
}

func TestWhatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	setUp(t, false, environ...)
	with := func(more ...string) []string { return append(environ[:len(environ):len(environ)], more...) }
	refused(t, options(t, API, with("PACKHOUSE_DATABASE__URL=postgres://nobody@"+away+"/x")...), errs.Unavailable, "PostgreSQL", away)
	refused(t, options(t, API, with("PACKHOUSE_STORAGE__S3__ENDPOINT=http://"+away)...), errs.Unavailable, "object storage", away)
	for _, mode := range []Mode{API, Worker} {
		refused(t, options(t, mode, with("PACKHOUSE_DB_ENCRYPTION_KEY=/nowhere/database.key")...), errs.NotFound, "/nowhere/database.key")
	}
	u, err := url.Parse(testkit.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"password": func() { u.User = url.UserPassword("nobody", "nothing") },
		"database": func() { u.User, u.Path = nil, "/123456" },
	} {
		before := *u
		change()
		refused(t, options(t, Worker, with("PACKHOUSE_REDIS_URL="+u.String())...), errs.Invalid, "Redis refuses this process", name)
		*u = before
	}
	// Serving what is stored takes neither Redis nor keys.
	n := start(t, Content, with("PACKHOUSE_REDIS_URL=redis://"+away, "PACKHOUSE_DB_ENCRYPTION_KEY=/nowhere/database.key")...)
	if status, _ := n.call("GET", "/pulp/content/", nil); status != http.StatusOK {
		t.Errorf("the content server answered %d", status)
	}
}

func TestSplitModesRefuseTheEmbeddedParts(t *testing.T) {
	t.Parallel()
	data := "PACKHOUSE_DATA=" + t.TempDir()
	for _, mode := range []Mode{API, Content, Worker} {
		refused(t, options(t, mode, data), errs.Invalid, "packhouse "+string(mode), "belongs to packhouse serve", "database.url")
	}
	postgres := "PACKHOUSE_DATABASE__URL=postgres://nobody@" + away + "/x"
	for _, mode := range []Mode{API, Worker} {
		refused(t, options(t, mode, data, postgres), errs.Invalid, "belongs to packhouse serve", "redis_url")
	}
	refused(t, options(t, Content, data, postgres), errs.Unavailable, away)
}

func TestSettingsReachTheTasks(t *testing.T) {
	t.Parallel()
	o := options(t, "", "PACKHOUSE_DATA="+t.TempDir(), "PACKHOUSE_WORKER_NAME_TEMPLATE=w-{fqdn}-{pid}")
	if got := nameTemplate(t.Context(), o.Loaded.Settings.WorkerNameTemplate); got == "w-{fqdn}-{pid}" || filepath.Ext(got) == ".-{pid}" {
		t.Errorf("the name is %s", got)
	}
}
