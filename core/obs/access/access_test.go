package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

var began = time.Date(2026, 11, 21, 20, 2, 46, 0, time.FixedZone("", -7*3600))

func someLine() Line {
	return Line{
		Began: began, Took: 1234567 * time.Nanosecond, Client: netip.MustParseAddr("192.0.2.7"), User: "frank",
		Method: "GET", Path: "/pulp/content/a/b.txt", Protocol: "HTTP/1.1", Status: 200, Bytes: 2326,
		Referer: "http://example.org/start", Agent: "apt/2.6",
	}
}

// kept is a writer that remembers each write, and fails while it is told to.
type kept struct {
	mu     sync.Mutex
	writes []string
	fault  error
	part   int // how much of the first failing write is taken
}

func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fault != nil {
		n := min(k.part, len(p))
		if k.part = 0; n > 0 {
			k.writes = append(k.writes, string(p[:n]))
		}
		return n, k.fault
	}
	k.writes = append(k.writes, string(p))
	return len(p), nil
}

func (k *kept) text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.writes, "")
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func textHandler(w io.Writer) (slog.Handler, error) { return slog.NewTextHandler(w, nil), nil }
func jsonHandler(w io.Writer) (slog.Handler, error) { return slog.NewJSONHandler(w, nil), nil }

func TestFormatsOfWebServers(t *testing.T) {
	t.Parallel()
	const common = `192.0.2.7 - frank [21/Nov/2026:20:02:46 -0700] "GET /pulp/content/a/b.txt HTTP/1.1" 200 2326`
	none := `- - - [21/Nov/2026:20:02:46 -0700] "- - -" 0 -`
	for _, c := range []struct {
		name, format, want string
		line               Line
	}{
		{"common", Common, common, someLine()},
		{"combined", Combined, common + ` "http://example.org/start" "apt/2.6"`, someLine()},
		{"nothing is known", Combined, none + ` "-" "-"`, Line{Began: began}},
		{"no length", Common, none, Line{Began: began, Bytes: -1}},
	} {
		out := &kept{}
		l := open(t, Options{Format: c.format, To: out})
		l.Tell(t.Context(), &c.line)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if out.text() != c.want+"\n" {
			t.Errorf("%s:\n%s%s", c.name, out.text(), c.want)
		}
	}
}

// TestNoSecretsInReferers: what is after the question mark opens doors, what is before the at sign too.
func TestNoSecretsInReferers(t *testing.T) {
	t.Parallel()
	for referer, want := range map[string]string{
		"https://h/p/?expires=1&validate_token=secret": "https://h/p/", "https://h/#secret": "https://h/", "https://h?secret": "https://h",
		"https://me:secret@h/p@q": "https://h/p@q", "http://h/a@b": "http://h/a@b", `http://me:secret@h\p`: `http://h\p`,
		"https://a@b:secret@h/": "https://h/", "http://h": "http://h", "android-app://org.example/": "android-app://org.example/",
		"//me:secret@h": "", "me:secret@h/p": "", "me:secret@h://x": "", "http:/me:secret@h": "", "?secret": "", "": "",
	} {
		if got := bare(referer); got != want {
			t.Errorf("%q is logged as %q, want %q", referer, got, want)
		}
	}
}

// TestTheFormOfTheLog compares with what the log itself writes.
func TestTheFormOfTheLog(t *testing.T) {
	t.Parallel()
	broken, api := someLine(), someLine()
	broken.Broken = "write: broken \"pipe\"\n"
	api.API, api.CID = true, "0123"
	for name, handler := range map[string]func(io.Writer) (slog.Handler, error){"text": textHandler, "json": jsonHandler} {
		for _, line := range []Line{someLine(), broken, api} {
			var want bytes.Buffer
			out := &kept{}
			direct, _ := handler(&want)
			l := open(t, Options{Format: Structured, To: out, Handler: handler})
			l.Tell(t.Context(), &line)
			record := slog.NewRecord(line.Began.Add(line.Took), slog.LevelInfo, "content request", 0)
			record.Add("client", "192.0.2.7", "method", line.Method, "path", line.Path, "status", line.Status, "bytes", line.Bytes, "ms", 1.234)
			if line.Broken != "" {
				record.Add("broken_off", line.Broken)
			}
			if line.API {
				record = slog.NewRecord(record.Time, slog.LevelInfo, "request", 0)
				record.Add("cid", "0123", "client", "192.0.2.7", "method", line.Method, "path", line.Path, "status", line.Status, "bytes", int(line.Bytes), "ms", 1.234)
			}
			if err := errors.Join(direct.Handle(t.Context(), record), l.Close()); err != nil {
				t.Error(err)
			}
			if out.text() != want.String() || want.Len() == 0 {
				t.Errorf("%s:\n%s%s", name, out.text(), want.String())
			}
		}
	}
}

// TestTheLevelCounts: lines in the form of the log are of the level info.
func TestTheLevelCounts(t *testing.T) {
	t.Parallel()
	out := &kept{}
	l := open(t, Options{Format: Structured, To: out, Handler: func(w io.Writer) (slog.Handler, error) {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}), nil
	}})
	line := someLine()
	l.Tell(t.Context(), &line)
	if err := l.Close(); err != nil || out.text() != "" {
		t.Errorf("%v, written: %s", err, out.text())
	}
}

// TestLinesWaitForOthers: a line is written when it is old enough, or when there is enough.
func TestLinesWaitForOthers(t *testing.T) {
	t.Parallel()
	for _, handler := range []func(io.Writer) (slog.Handler, error){nil, textHandler} {
		synctest.Test(t, func(t *testing.T) {
			out := &kept{}
			format := Common
			if handler != nil {
				format = Structured
			}
			l := open(t, Options{Format: format, To: out, Handler: handler})
			line := someLine()
			l.Tell(t.Context(), &line)
			<-time.After(latest - 1) // of the bubble's clock
			l.Tell(t.Context(), &line)
			if synctest.Wait(); out.text() != "" {
				t.Error("a line was not kept for others")
			}
			<-time.After(1)
			if synctest.Wait(); strings.Count(out.text(), "\n") != 2 || len(out.writes) != 1 {
				t.Errorf("after %s there is %q", latest, out.writes)
			}
			for len(out.writes) < 2 {
				l.Tell(t.Context(), &line)
			}
			if n := len(out.writes[1]); n < enough || n > enough+200 {
				t.Errorf("%d bytes were written without waiting", n)
			}
			<-time.After(time.Hour)
			l.Tell(t.Context(), &line)
			if err := l.Close(); err != nil || len(out.writes) != 3 {
				t.Errorf("%v, after the end there are %d writes", err, len(out.writes))
			}
			l.Tell(t.Context(), &line)
			<-time.After(time.Hour)
			if synctest.Wait(); len(out.writes) != 3 {
				t.Error("what came after the end was written")
			}
		})
	}
}

// TestManyAtOnce: no line is lost or mixed with another.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Options{Format: Combined, File: path})
	const tellers, each = 8, 2000
	var all sync.WaitGroup
	for i := range tellers {
		all.Go(func() {
			for j := range each {
				line := someLine()
				line.Path = fmt.Sprintf("/%d/%d", i, j)
				l.Tell(t.Context(), &line)
			}
		})
	}
	all.Go(func() {
		for range 20 {
			if err := l.Reopen(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var i string
		var j int
		if _, err := fmt.Sscanf(strings.ReplaceAll(line[strings.Index(line, `"GET /`)+6:], "/", " "), "%s %d", &i, &j); err != nil || j != next[i] {
			t.Fatalf("after %d of %s comes %q, %v", next[i], i, line, err)
		}
		next[i]++
	}
	for i, n := range next {
		if n != each || len(next) != tellers {
			t.Errorf("%s has %d lines", i, n)
		}
	}
}

// TestRotation: lines go into the file that has the name when the log is opened anew.
func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Options{Format: Common, File: path})
	tell := func(text string) {
		line := someLine()
		line.Path = text
		l.Tell(t.Context(), &line)
	}
	tell("/one")
	if err := errors.Join(os.Rename(path, path+".1"), l.Reopen()); err != nil {
		t.Fatal(err)
	}
	tell("/two")
	if err := errors.Join(os.Rename(path, path+".2"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); !errs.Is(err, errs.Invalid) {
		t.Errorf("a folder was opened: %v", err)
	}
	tell("/three")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{".1": "/one", ".2": "/two"} {
		text, err := os.ReadFile(path + file)
		if err != nil || !strings.Contains(string(text), want) || file == ".2" && !strings.Contains(string(text), "/three") {
			t.Errorf("%s: %v\n%s", file, err, text)
		}
	}
	info, err := os.Stat(path + ".1")
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestAFaultIsToldOnce, and its end; what is written after a torn line begins a new one.
func TestAFaultIsToldOnce(t *testing.T) {
	t.Parallel()
	var told bytes.Buffer
	out := &kept{fault: errors.New("no space left"), part: 10}
	l := open(t, Options{Format: Common, To: out, Log: slog.New(slog.NewTextHandler(&told, nil))})
	line := someLine()
	for range 3 {
		l.Tell(t.Context(), &line)
		l.flush()
	}
	if strings.Count(told.String(), "cannot be written") != 1 || !strings.Contains(told.String(), "no space left") {
		t.Errorf("told: %s", &told)
	}
	out.mu.Lock()
	out.fault = nil
	out.mu.Unlock()
	l.Tell(t.Context(), &line)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if strings.Count(told.String(), "written again") != 1 {
		t.Errorf("told: %s", &told)
	}
	if lines := strings.Split(out.text(), "\n"); len(lines) != 3 || lines[0] != "192.0.2.7 " || !strings.HasSuffix(lines[1], "200 2326") {
		t.Errorf("written: %q", lines)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, o := range []Options{
		{Format: "apache", To: io.Discard}, {Format: Common, File: dir}, {Format: Common, File: filepath.Join(dir, "no", "access.log")},
	} {
		if _, err := Open(o); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	_, err := Open(Options{Format: Structured, To: io.Discard, Handler: func(io.Writer) (slog.Handler, error) { return nil, io.EOF }})
	if !errors.Is(err, io.EOF) {
		t.Errorf("without a form: %v", err)
	}
}

// FuzzLine tells whatever a client may send: it stays one line, with its fields in their places.
func FuzzLine(f *testing.F) {
	f.Add("GET", "/a b", "me", "http://h/?validate_token=s", "curl\" 200 1 \"\n192.0.2.9 - -")
	f.Add("G\x00T", "/\xff\\\"", " [", "https://a:b@h", "\x1b[31m")
	f.Add("", "", "", "//@", "\\")
	f.Fuzz(func(t *testing.T, method, path, user, referer, agent string) {
		line := Line{Began: began, Method: method, Path: path, User: user, Protocol: "HTTP/1.1", Referer: referer, Agent: agent, Status: 200, Bytes: 5}
		text := string(line.common(nil, true))
		for i, c := range []byte(text) {
			if c < ' ' && i != len(text)-1 || c > '~' {
				t.Fatalf("%q holds the byte %x", text, c)
			}
		}
		quoted := strings.Split(text, `"`)
		if len(quoted) != 7 || quoted[6] != "\n" || quoted[2] != " 200 5 " || quoted[4] != " " {
			t.Fatalf("%q has other parts", text)
		}
		if len(strings.Fields(quoted[0])) != 5 || len(strings.Split(quoted[1], " ")) != 3 {
			t.Fatalf("%q has other words", text)
		}
		if strings.ContainsAny(quoted[3], "?#") {
			t.Fatalf("%q tells a query", text)
		}
		if _, rest, _ := strings.Cut(quoted[3], "://"); strings.Contains(rest[:strings.IndexAny(rest+"/", "/\\")], "@") {
			t.Fatalf("%q tells who may enter", text)
		}
	})
}

func BenchmarkTell(b *testing.B) {
	path := filepath.Join(b.TempDir(), "access.log")
	for name, o := range map[string]Options{
		"common": {Format: Common}, "combined": {Format: Combined}, "text": {Format: Structured, Handler: textHandler}, "json": {Format: Structured, Handler: jsonHandler},
	} {
		b.Run(name, func(b *testing.B) {
			o.File = path
			l := open(b, o)
			b.ReportAllocs()
			for b.Loop() {
				line := someLine()
				l.Tell(context.Background(), &line)
			}
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.Run("slog", func(b *testing.B) {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		log := slog.New(slog.NewTextHandler(file, nil))
		b.ReportAllocs()
		for b.Loop() {
			line := someLine()
			attributes := []any{
				slog.String("method", line.Method), slog.String("path", line.Path), slog.Int("status", line.Status),
				slog.Int64("bytes", line.Bytes), slog.Duration("duration", line.Took),
			}
			log.InfoContext(context.Background(), "content request", attributes...)
		}
	})
}
