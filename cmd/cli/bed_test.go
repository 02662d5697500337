package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/plugins"
)

// bed runs commands over one data folder.
type bed struct {
	t       *testing.T
	data    string
	environ []string
	stdin   string
	ask     func(ctx context.Context, prompt string) (string, error)
}

func newBed(t *testing.T, environ ...string) *bed {
	t.Helper()
	data := t.TempDir()
	return &bed{t: t, data: data, environ: append([]string{"PACKHOUSE_DATA=" + data}, environ...)}
}

// outcome is what a command left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

func (b *bed) process(stdout, stderr io.Writer, args ...string) Process {
	return Process{
		Version: "1.2.3", Apps: plugins.All(), Args: args,
		Config: config.Options{Environ: b.environ, Dir: b.t.TempDir()},
		Stdin:  strings.NewReader(b.stdin), Stdout: stdout, Stderr: stderr, Ask: b.ask,
	}
}

// run runs one command to its end.
func (b *bed) run(args ...string) outcome {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	code := b.process(&stdout, &stderr, args...).Run(b.t.Context())
	return outcome{code, stdout.String(), withoutLog(stderr.String())}
}

// withoutLog leaves out the log, which on a busy machine tells of slow statements.
func withoutLog(text string) string {
	var said strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "time=") {
			said.WriteString(line)
		}
	}
	return said.String()
}

// ok is run for a command that must succeed; it gives the standard output.
func (b *bed) ok(args ...string) string {
	b.t.Helper()
	got := b.run(args...)
	if got.code != 0 {
		b.t.Fatalf("packhouse %s exited with %d: %s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// fails is run for a command that must exit with the code and say the words on standard error, in lines that begin with
// the name of the program.
func (b *bed) fails(code int, words []string, args ...string) {
	b.t.Helper()
	got := b.run(args...)
	name := "packhouse " + strings.Join(args, " ")
	if got.code != code {
		b.t.Errorf("%s exited with %d, want %d: %s", name, got.code, code, got.stderr)
	}
	if !strings.HasPrefix(got.stderr, "packhouse: ") || !strings.HasSuffix(got.stderr, "\n") {
		b.t.Errorf("%s said %q", name, got.stderr)
	}
	for _, word := range words {
		if !strings.Contains(got.stderr, word) {
			b.t.Errorf("%s did not say %q: %s", name, word, got.stderr)
		}
	}
}

func mustJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// waiter is a writer that tells when a text has come.
type waiter struct {
	mu    sync.Mutex
	text  strings.Builder
	until string
	seen  chan struct{}
}

func newWaiter(until string) *waiter { return &waiter{until: until, seen: make(chan struct{})} }

// Write keeps what comes.
func (w *waiter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.text.String(), w.until)
	n, err := w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.until) {
		close(w.seen)
	}
	return n, err
}

// wait gives all that came once the text is there.
func (w *waiter) wait(t *testing.T) string {
	t.Helper()
	select {
	case <-w.seen:
	case <-time.After(time.Minute):
		t.Errorf("%q never came", w.until)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
