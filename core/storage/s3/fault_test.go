package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// failing is a storage on a server that answers as told.
func failing(t *testing.T, answer http.HandlerFunc) *Storage {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return at(t, server.URL)
}

func at(t *testing.T, endpoint string) *Storage {
	t.Helper()
	s, err := New(Options{Endpoint: endpoint, Bucket: "bucket", Region: "us-east-1", AccessKey: "a", SecretKey: "s",
		PathStyle: true, SpoolDir: t.TempDir(), Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>as told</Message></Error>`, code)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		kind   errs.Kind
	}{
		{500, "InternalError", errs.Unavailable}, {502, "", errs.Unavailable}, {503, "SlowDown", errs.Unavailable},
		{429, "TooManyRequests", errs.Unavailable}, {507, "", errs.StorageFull}, {403, "QuotaExceeded", errs.StorageFull},
		{400, "XMinioStorageFull", errs.StorageFull}, {403, "AccessDenied", errs.Internal}, {400, "Weird", errs.Internal},
		{409, "OperationAborted", errs.Unavailable}, {409, "ExistingObjectIsDirectory", errs.Conflict},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			t.Parallel()
			s := failing(t, refuse(c.status, c.code))
			_, err := storage.Put(t.Context(), s, "a", strings.NewReader("content"))
			wantKind(t, "Put", err, c.kind)
			_, err = s.Open(t.Context(), "a", 0, -1)
			wantKind(t, "Open", err, c.kind)
			wantKind(t, "Delete", s.Delete(t.Context(), "a"), c.kind)
			for _, err := range s.List(t.Context(), "") {
				wantKind(t, "List", err, c.kind)
			}
			noSpool(t, s)
		})
	}
}

func wantKind(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if errs.KindOf(err) != kind {
		t.Errorf("%s: got %q (%v), want %q", what, errs.KindOf(err), err, kind)
	}
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := at(t, server.URL)
	_, err := s.Stat(t.Context(), "a")
	wantKind(t, "Stat", err, errs.Unavailable)
	_, err = storage.Put(t.Context(), s, "a", strings.NewReader("content"))
	wantKind(t, "Put", err, errs.Unavailable)
}

// TestCommitAfterOutage: the blob is still spooled when the service comes back.
func TestCommitAfterOutage(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	s := failing(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if !up.Load() {
			refuse(http.StatusServiceUnavailable, "SlowDown")(w, r)
		}
	})
	b, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(b, "content"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "Commit in the outage", b.Commit(t.Context(), "a"), errs.Unavailable)
	up.Store(true)
	wantKind(t, "Commit after it", b.Commit(t.Context(), "a"), "")
}

// object answers a GET with a piece of content and the headers of an object.
func object(length, contentRange, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Content-Length", length)
		if contentRange != "" {
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, content) // shorter than announced: the server cuts the connection
	}
}

func TestCutBody(t *testing.T) {
	t.Parallel()
	s := failing(t, object("1000", "", "only this"))
	r, err := s.Open(t.Context(), "a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	wantKind(t, "read", err, errs.Unavailable)
	if string(content) != "only this" {
		t.Errorf("got %q", content)
	}
}

// TestIgnoredRange: a server that sends the whole blob, or another part, must not pass for the part asked for.
func TestIgnoredRange(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"whole": object("10", "", "0123456789"),
		"other": object("2", "bytes 0-1/10", "01"),
	} {
		s := failing(t, answer)
		_, err := s.Open(t.Context(), "a", 5, 2)
		wantKind(t, name, err, errs.Unavailable)
	}
}

func TestCanceledWhileReading(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s := failing(t, func(w http.ResponseWriter, r *http.Request) {
		object("1000", "", "begin")(w, r)
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := s.Open(ctx, "a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	<-started
	cancel()
	_, err = io.ReadAll(r)
	wantKind(t, "read", err, errs.Canceled)
}

// TestMessageKeepsAddress: addresses inside the network are for the log, not for the people who see the message.
func TestMessageKeepsAddress(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := at(t, server.URL).Open(t.Context(), "a", 0, -1)
	if fault, ok := err.(*errs.Error); !ok || strings.Contains(fault.Msg, "127.0.0.1") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %#v", err)
	}
}
