package node

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestServeAnswersOnOnePort(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	_, status := n.call("GET", "/pulp/api/v3/status/", nil)
	for _, list := range []string{"online_workers", "online_api_apps", "online_content_apps"} {
		if online, _ := status[list].([]any); len(online) != 1 {
			t.Errorf("%s: %v", list, status[list])
		}
	}
	if connected := status["database_connection"].(map[string]any)["connected"]; connected != true {
		t.Errorf("database: %v", connected)
	}
	if total, _ := status["storage"].(map[string]any)["total"].(float64); total <= 0 {
		t.Errorf("storage: %v", status["storage"])
	}
	wholeWay(t, n, n)
}

// wholeWay takes a file from the upload over a worker to the content server.
func wholeWay(t *testing.T, api, content *running) {
	t.Helper()
	_, repository := api.call("POST", "/pulp/api/v3/repositories/file/file/", map[string]any{"name": "r", "autopublish": true})
	href, _ := repository["pulp_href"].(string)
	api.upload("folder/hello.txt", "hello\n", href)
	api.done("POST", "/pulp/api/v3/distributions/file/file/", map[string]any{"name": "d", "base_path": "d", "repository": href})
	if status, got := content.call("GET", "/pulp/content/d/folder/hello.txt", nil); status != http.StatusOK || got["text"] != "hello\n" {
		t.Errorf("content: %d %v", status, got)
	}
}

func TestServeKeepsItsFilesToItself(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	n := start(t, Serve, "PACKHOUSE_DATA="+dir)
	want := map[string]fs.FileMode{
		".": 0o750, "keys": 0o700, "tmp": 0o750, "media": 0o750,
		"keys/database.key": 0o600, "packhouse.db": 0o600, "admin-password": 0o600, "serve.lock": 0o640,
	}
	for name, most := range want {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if more := info.Mode().Perm() &^ most; more != 0 {
			t.Errorf("%s has mode %o, at most %o is wanted", name, info.Mode().Perm(), most)
		}
	}
	if !n.Admin().Created || n.Admin().File != filepath.Join(dir, "admin-password") || !n.Admin().Password.Empty() {
		t.Errorf("admin: %+v", n.Admin())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left", e.Name())
		}
	}
}

func TestOnlyOneServesAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Serve, embeddedIn(dir)...)
	refused(t, options(t, Serve, embeddedIn(dir)...), errs.Conflict, dir, strconv.Itoa(os.Getpid()), "--data")
	_, before := first.call("GET", "/pulp/api/v3/status/", nil)
	if before["versions"] == nil {
		t.Errorf("the first one suffered: %v", before)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Serve, embeddedIn(dir)...)
	if second.Admin().Created {
		t.Error("the second start made the admin anew")
	}
	if status, _ := second.call("GET", "/pulp/api/v3/repositories/", nil); status != http.StatusOK {
		t.Errorf("log-in after the second start: %d", status)
	}
}

func TestAPortInUseIsTold(t *testing.T) {
	t.Parallel()
	first := start(t, Serve, embeddedIn(t.TempDir())...)
	dir := t.TempDir()
	o := options(t, Serve, append(embeddedIn(dir), "PACKHOUSE_LISTEN="+strings.TrimPrefix(first.URL(), "http://"))...)
	refused(t, o, errs.Invalid, "listen")
	// Whatever was opened on the way is closed again.
	start(t, Serve, embeddedIn(dir)...)
}

func TestALostKeyFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := start(t, Serve, embeddedIn(dir)...).stop(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "keys", "database.key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refused(t, options(t, Serve, embeddedIn(dir)...), errs.NotFound, key)
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made, which opens nothing that the old one has sealed")
	}
}

func TestNewPanicsWithoutItsOptions(t *testing.T) {
	t.Parallel()
	whole := options(t, Serve, embeddedIn(t.TempDir())...)
	for name, change := range map[string]func(o *Options){
		"mode":     func(o *Options) { o.Mode = "all" },
		"registry": func(o *Options) { o.Registry = nil },
		"settings": func(o *Options) { o.Loaded = nil },
		"log":      func(o *Options) { o.Log = nil },
	} {
		o := whole
		change(&o)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("without %s it went on", name)
				}
			}()
			_, _ = New(t.Context(), o)
		}()
	}
}
