package cli

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/config"
)

func contextUntil(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// serveOnce runs packhouse serve, calls use with its banner, and stops it.
func (b *bed) serveOnce(terminal bool, use func(banner, url string)) {
	b.t.Helper()
	ctx, stop := contextUntil(b.t)
	defer stop()
	stdout, stderr := newWaiter("/repositories/\n\n"), newWaiter("level=INFO msg=ready")
	p := b.process(stdout, stderr, "serve", "--listen", "127.0.0.1:0")
	p.Terminal = terminal
	done := make(chan int, 1)
	go func() { done <- p.Run(ctx) }()
	banner := stdout.wait(b.t)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(banner)
	use(banner, url)
	stop()
	if code := <-done; code != 0 {
		b.t.Errorf("it exited with %d: %s", code, stderr.wait(b.t))
	}
}

func TestServeSaysWhereAndHow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	steady := func(banner, url string) string {
		return strings.NewReplacer(url, "URL", b.data, "DATA").Replace(banner)
	}
	b.serveOnce(false, func(banner, url string) {
		golden(t, "banner_first.txt", steady(banner, url))
		answer, err := http.Get(url + "/pulp/api/v3/status/")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("status/ answered %s", answer.Status)
		}
	})
	b.environ = append(b.environ, "PACKHOUSE_ADMIN_PASSWORD=too late for this")
	b.serveOnce(false, func(banner, url string) {
		golden(t, "banner_later.txt", steady(banner, url))
		b.fails(exitFailed, []string{"is in use by packhouse serve, process"}, "serve")
	})
}

func TestServeShowsAGeneratedPasswordOnATerminalOnly(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.serveOnce(true, func(banner, url string) {
		found := regexp.MustCompile(`admin / ([a-z2-7]{26})\n`).FindStringSubmatch(banner)
		if found == nil {
			t.Fatalf("no password in %s", banner)
		}
		request, err := http.NewRequestWithContext(t.Context(), "GET", url+"/pulp/api/v3/repositories/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("admin", found[1])
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("the password that was shown gives %s", answer.Status)
		}
	})
	if _, err := os.Stat(filepath.Join(b.data, "admin-password")); err == nil {
		t.Error("it was written to a file too")
	}
}

func TestBannerOfAChosenPassword(t *testing.T) {
	t.Parallel()
	o := config.Options{Environ: []string{"PACKHOUSE_DATA=/srv/packhouse", "PACKHOUSE_ADMIN_PASSWORD=password"}, Dir: "/"}
	loaded, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "banner_chosen.txt", banner("1.2.3", loaded, "http://127.0.0.1:24817", node.Admin{Created: true}))
	golden(t, "banner_weak.txt", banner("1.2.3", loaded, "http://127.0.0.1:24817", node.Admin{Created: true, Weak: errors.New("This password is too common; choose another one.")}))
}

func TestAMachineThatCannotStartSaysSoInPlainWords(t *testing.T) {
	t.Parallel()
	b := newBed(t, "PACKHOUSE_DATABASE__URL=postgres://nobody:hunter2@127.0.0.1:1/x", "PACKHOUSE_REDIS_URL=redis://127.0.0.1:1",
		"PACKHOUSE_API_LISTEN=127.0.0.1:0", "PACKHOUSE_CONTENT_LISTEN=127.0.0.1:0")
	for _, mode := range []string{"api", "content", "worker"} {
		b.fails(exitFailed, []string{"PostgreSQL at 127.0.0.1:1"}, mode)
		if got := b.run(mode); strings.Contains(got.stderr, "hunter2") || strings.Contains(got.stderr, "goroutine") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("packhouse %s said %s", mode, got.stderr)
		}
	}
	b.environ = []string{"PACKHOUSE_LISTEN=127.0.0.1:0"}
	b.fails(exitFailed, []string{"data_dir"}, "api")
}

// golden compares with a file of testdata; UPDATE=1 writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is now\n%s\nnot\n%s", name, got, want)
	}
}
