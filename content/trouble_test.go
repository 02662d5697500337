package content

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// TestBytesThatAreNotTheFile: nothing is served that is missing or has another size than its row.
func TestBytesThatAreNotTheFile(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	file := func(path string) string { return filepath.Join(s.dir, s.offers[path].Found.Artifact.File) }
	for _, path := range []string{"missing", "short", "long", "folder", "unreadable/link"} {
		s.add(path, path)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Remove(file("missing")))
	must(os.Truncate(file("short"), 2))
	must(os.WriteFile(file("long"), []byte("longer"), 0o600))
	must(errors.Join(os.Remove(file("folder")), os.Mkdir(file("folder"), 0o700)))
	must(errors.Join(os.Remove(file("unreadable/link")), os.Symlink("/nowhere", file("unreadable/link"))))
	for path := range s.offers {
		for _, method := range []string{"GET", "HEAD"} {
			for _, rang := range []string{"", "bytes=0-0"} {
				a := s.ask(method, prefix+path, headers{"Range": rang})
				if a.StatusCode != 500 || a.Header.Get("ETag") != "" || (method == "GET" && !strings.Contains(string(a.body), "administrator")) {
					t.Errorf("%s %s: %d %q", method, path, a.StatusCode, a.body)
				}
				if strings.Contains(string(a.body), s.dir) {
					t.Errorf("%s: the answer tells where files lie: %q", path, a.body)
				}
			}
		}
	}
	if n := s.openFiles(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
}

// TestStorageAway: what passes by itself is a 503, what is gone a 500, and half a body is a broken connection.
func TestStorageAway(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		err    error
		cut    int64
		size   int64
		status int
	}{
		"away":  {err: errs.New(errs.Unavailable, "bucket.internal does not answer"), status: 503},
		"gone":  {err: errs.New(errs.NotFound, "no such key"), status: 500},
		"size":  {size: 7, status: 500},
		"midst": {cut: 300_000, status: 200},
		"start": {cut: 1, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newRemote()
			s := start(t, store, nil)
			a := s.add("f", text)
			a.Size += c.size
			store.err, store.cut = c.err, c.cut
			got := s.ask("GET", prefix+"f", nil)
			if got.StatusCode != c.status || strings.Contains(string(got.body), "bucket.internal") {
				t.Errorf("%d %.80q", got.StatusCode, got.body)
			}
			if c.cut > 0 && (!brokenOff(got.broken) || len(got.body) >= len(text)) {
				t.Errorf("a storage that fails in the middle gave %d bytes and the end %v", len(got.body), got.broken)
			}
			if c.cut > 0 && s.awaitAccess(prefix + "f")["broken_off"] == nil {
				t.Error("the access log does not say that the body was broken off")
			}
		})
	}
}

// brokenOff tells whether a body ended in a way that no client takes for its end.
func brokenOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// TestAbortedDownloads: clients that leave in the middle leave no open file behind.
func TestAbortedDownloads(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.add("big", strings.Repeat("0123456789abcdef", 4<<20)) // 64 MiB, more than the buffers of a connection
	for range 20 {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET "+prefix+"big HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := io.CopyN(io.Discard, c, 100_000); err != nil {
			t.Fatal(err)
		}
		if s.openFiles() == 0 {
			t.Fatal("the file is not open while it is sent; this test sees nothing")
		}
		_ = c.Close()
		if line := s.awaitAccess(prefix + "big"); line["broken_off"] == nil || line["bytes"].(int64) >= 64<<20 {
			t.Fatalf("an aborted download was logged as %v", line)
		}
	}
	if n := s.openFiles(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
}

// TestKeepAlive: one connection carries many answers of all kinds, and files are closed after each.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	text := strings.Repeat("keep alive ", 200_000)
	s.add("f", text)
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for i, want := range []struct {
		head string
		size int
	}{
		{"GET " + prefix + "f HTTP/1.1\r\n", len(text)},
		{"HEAD " + prefix + "f HTTP/1.1\r\n", 0},
		{"GET " + prefix + "f HTTP/1.1\r\nRange: bytes=5-2000000\r\n", 1999996},
		{"GET " + prefix + "f HTTP/1.1\r\nIf-None-Match: *\r\n", 0},
		{"GET " + prefix + "f HTTP/1.1\r\nRange: bytes=9999999-\r\n", 27},
		{"GET " + prefix + "f HTTP/1.1\r\n", len(text)},
	} {
		_, _ = io.WriteString(c, want.head+"Host: x\r\n\r\n")
		method, _, _ := strings.Cut(want.head, " ")
		response, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil || n != int64(want.size) {
			t.Errorf("answer %d has %d bytes (%v), want %d", i, n, err, want.size)
		}
		s.awaitAccess(prefix + "f")
		if open := s.openFiles(); open != 0 {
			t.Fatalf("answer %d left %d files open", i, open)
		}
	}
}

// TestUnreadBody: the body of a request that we do not read is not taken for the next request.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.add("f", "f")
	s.add("smuggled", "smuggled")
	inner := "GET " + prefix + "smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	filler := strings.Repeat("x", 100_000)
	for name, body := range map[string]string{
		"length":  "Content-Length: 100200\r\n\r\n" + filler + inner + strings.Repeat("y", 200-len(inner)),
		"chunked": "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + filler + "\r\n0\r\n\r\n" + inner,
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				c, err := net.Dial("tcp", s.address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				go func() { _, _ = io.WriteString(c, method+" "+prefix+"f HTTP/1.1\r\nHost: x\r\n"+body) }()
				all, _ := io.ReadAll(c) // the server may reset the connection
				if n := strings.Count(string(all), "HTTP/1.1 "); n > 1 || strings.Contains(string(all), "smuggled") {
					t.Errorf("%d answers to one request: %q", n, all)
				}
			})
		}
	}
}
