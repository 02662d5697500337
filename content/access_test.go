package content

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/obs/access"
)

// TestTheAccessLogOfWebServers: who asked is told behind trusted proxies, for files that are still sent after the handler
// too, and no query.
func TestTheAccessLogOfWebServers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := access.Open(access.Options{Format: access.Combined, File: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := auth.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, nil, func(o *Options) { o.Access, o.Proxies = log, proxies })
	s.add("d/a b.txt", "hello")
	for _, method := range []string{"GET", "HEAD"} {
		s.ask(method, prefix+"d/a%20b.txt?validate_token=secret", map[string]string{
			"X-Forwarded-For": "203.0.113.9", "Referer": "http://h/d/?validate_token=secret", "User-Agent": `a "b"`,
		})
	}
	s.ask("GET", prefix+"d/missing", nil)
	s.ask("GET", "/elsewhere?validate_token=secret", nil)
	if _, err := io.ReadAll(s.send("hello\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(s.send("GET " + prefix + "f HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", headerBytes) + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for len(lines) < 6 { // the first is told when its body has been sent
		if err := log.Reopen(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || t.Context().Err() != nil {
			t.Fatal(err, lines)
		}
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{
		`(?m)^203\.0\.113\.9 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /pulp/content/d/a%20b\.txt HTTP/1\.1" 200 5 "http://h/d/" "a \\x22b\\x22"$`,
		`(?m)^203.* "HEAD /pulp/content/d/a%20b\.txt HTTP/1\.1" 200 - `,
		`(?m)^127\.0\.0\.1 .* "GET /pulp/content/d/missing HTTP/1\.1" 404 \d+ "-" "`,
		`(?m)^127\.0\.0\.1 .* "GET /elsewhere HTTP/1\.1" 404 \d+ "-" "`,
		`(?m)^127\.0\.0\.1 .* "- - -" 400 \d+ "-" "-"$`,
		`(?m)^127\.0\.0\.1 .* "- - -" 431 \d+ "-" "-"$`,
	} {
		if !regexp.MustCompile(want).MatchString(all) {
			t.Errorf("no line is %s:\n%s", want, all)
		}
	}
	if strings.Contains(all, "secret") || len(lines) != 6 {
		t.Errorf("%d lines:\n%s", len(lines), all)
	}
}
