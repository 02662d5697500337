package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/plugins"
)

// patience ends a test that hangs; nothing is measured by it.
const patience = time.Minute

const adminPassword = "seven green boats"

// load gives settings from variables alone, and the registry that belongs to them.
func load(t *testing.T, mode Mode, environ ...string) (*app.Registry, *config.Loaded) {
	t.Helper()
	registry := app.NewRegistry(plugins.All()...)
	environ = append([]string{
		"PACKHOUSE_LISTEN=127.0.0.1:0", "PACKHOUSE_API_LISTEN=127.0.0.1:0", "PACKHOUSE_CONTENT_LISTEN=127.0.0.1:0",
	}, environ...)
	loaded, err := config.Load(config.Options{Plugins: registry.Plugins(), Environ: environ, Mode: string(mode), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Enable(loaded.Enabled); err != nil {
		t.Fatal(err)
	}
	return registry, loaded
}

func options(t *testing.T, mode Mode, environ ...string) Options {
	t.Helper()
	registry, loaded := load(t, mode, environ...)
	return Options{Mode: mode, Registry: registry, Loaded: loaded, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// embeddedIn are the variables of a packhouse serve in a folder.
func embeddedIn(dir string) []string {
	return []string{"PACKHOUSE_DATA=" + dir, "PACKHOUSE_ADMIN_PASSWORD=" + adminPassword}
}

// running is a node that runs until the test ends or stop is called.
type running struct {
	*Node
	t     *testing.T
	end   context.CancelFunc
	hurry chan struct{}
	ended chan error
}

func start(t *testing.T, mode Mode, environ ...string) *running {
	t.Helper()
	n, err := New(t.Context(), options(t, mode, environ...))
	if err != nil {
		t.Fatal(err)
	}
	// The test's own context ends before its clean-up runs.
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{Node: n, t: t, end: end, hurry: make(chan struct{}), ended: make(chan error, 1)}
	go func() { r.ended <- n.Run(ctx, r.hurry) }()
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stop the %s: %v", mode, err)
		}
	})
	return r
}

// stop asks for the end and gives what Run gave; it may be called again.
func (r *running) stop() error {
	r.end()
	return r.wait()
}

// wait gives what Run gave, once.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case err, open := <-r.ended:
		if open {
			close(r.ended)
		}
		return err
	case <-time.After(patience):
		r.t.Error("the node did not stop")
		return nil
	}
}

// call sends JSON as the admin and reads JSON; target is a path below the node's URL.
func (r *running) call(method, target string, body any) (status int, answer map[string]any) {
	r.t.Helper()
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.send(method, target, "application/json", &text)
}

func (r *running) send(method, target, mediaType string, body io.Reader) (status int, answer map[string]any) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth("admin", adminPassword)
	request.Header.Set("Content-Type", mediaType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answer); err != nil && len(text) > 0 {
		answer = map[string]any{"text": string(text)}
	}
	return response.StatusCode, answer
}

// done sends what is answered with a task and gives the completed task.
func (r *running) done(method, target string, body any) map[string]any {
	r.t.Helper()
	return r.finished(r.call(method, target, body))
}

func (r *running) finished(status int, answer map[string]any) map[string]any {
	r.t.Helper()
	href, ok := answer["task"].(string)
	if status != http.StatusAccepted || !ok {
		r.t.Fatalf("no task was answered: %d %v", status, answer)
	}
	var task map[string]any
	r.until("the task has ended", func() bool {
		_, task = r.call("GET", href, nil)
		return task["finished_at"] != nil
	})
	if task["state"] != "completed" {
		r.t.Fatalf("the task ended as %v: %v", task["state"], task["error"])
	}
	return task
}

// upload makes a file in a repository and gives the task.
func (r *running) upload(path, text, repository string) map[string]any {
	r.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	err := errors.Join(form.WriteField("relative_path", path), form.WriteField("repository", repository))
	part, failed := form.CreateFormFile("file", path)
	if err := errors.Join(err, failed); err != nil {
		r.t.Fatal(err)
	}
	_, err = io.WriteString(part, text)
	if err := errors.Join(err, form.Close()); err != nil {
		r.t.Fatal(err)
	}
	return r.finished(r.send("POST", "/pulp/api/v3/content/file/files/", form.FormDataContentType(), &body))
}

// until asks again and again until the answer is yes.
func (r *running) until(what string, yes func() bool) {
	r.t.Helper()
	limit := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-limit:
			r.t.Fatalf("never: %s", what)
		}
	}
}

// refused starts a node that must not start, and checks kind and words of the error.
func refused(t *testing.T, o Options, kind errs.Kind, words ...string) {
	t.Helper()
	n, err := New(t.Context(), o)
	if err == nil {
		stopped, end := context.WithCancel(t.Context())
		end()
		t.Fatalf("it started; stopping gave %v", n.Run(stopped, nil))
	}
	if !errs.Is(err, kind) {
		t.Errorf("the error is %s, want %s: %v", errs.KindOf(err), kind, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}
