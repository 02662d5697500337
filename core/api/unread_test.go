package api

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/listen"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/resource"
)

// TestRequestsThatCannotBeReadAreLogged, once, with what is known of them; others are logged as before.
func TestRequestsThatCannotBeReadAreLogged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := access.Open(access.Options{Format: access.Combined, File: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Options: Options{Env: &resource.Env{Names: resource.Names{Root: "/pulp/"}}, Identity: &auth.Identifier{}, Access: log, Log: slog.New(slog.DiscardHandler)}}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, listen.New(inner, listen.Options{Log: slog.New(slog.DiscardHandler)}), time.Minute, s)
	}()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", headBytes) + "\r\n\r\n", "hello\r\n\r\n",
		"GET /pulp/api/v3/none/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	} {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, request) }()
		if answer, err := io.ReadAll(c); err != nil || len(answer) == 0 {
			t.Errorf("%.20q is answered %q, %v", request, answer, err)
		}
		_ = c.Close()
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `(?s)^127\.0\.0\.1 - - \[[^]]+\] "- - -" 431 \d+ "-" "-"\n127\.0\.0\.1 - - \[[^]]+\] "- - -" 400 \d+ "-" "-"\n127\.[^\n]* "GET /pulp/api/v3/none/ HTTP/1.1" 404 [^\n]*\n$`
	if !regexp.MustCompile(want).Match(text) {
		t.Errorf("the lines are\n%s", text)
	}
}
