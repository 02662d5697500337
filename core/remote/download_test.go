package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// Each fault once, and then for ever: what passes is tried again, what does not is told at once.
func TestFaults(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("packhouse "), 10_000)
	for name, c := range map[string]struct {
		fault upstream.Fault
		code  string
		kind  errs.Kind
		tries int // when it never gets better
		says  string
	}{
		"500":           {upstream.Status(500), "PLP0025", errs.Unavailable, 4, "500 Internal Server Error"},
		"502":           {upstream.Status(502), "PLP0025", errs.Unavailable, 4, "502"},
		"503":           {upstream.Status(503), "PLP0025", errs.Unavailable, 4, "503"},
		"504":           {upstream.Status(504), "PLP0025", errs.Unavailable, 4, "504"},
		"429":           {upstream.Status(429), "PLP0025", errs.Unavailable, 4, "429"},
		"501":           {upstream.Status(501), "PLP0025", errs.Invalid, 1, "501"},
		"404":           {upstream.Status(404), "PLP0025", errs.Invalid, 1, "404 Not Found"},
		"410":           {upstream.Status(410), "PLP0025", errs.Invalid, 1, "410"},
		"401":           {upstream.Status(401), "PLP0025", errs.Invalid, 1, "username"},
		"403":           {upstream.Status(403), "PLP0025", errs.Invalid, 1, "403"},
		"407":           {upstream.Status(407), "PLP0010", errs.Invalid, 1, "proxy_username"},
		"204":           {upstream.Status(204), "PLP0025", errs.Invalid, 1, "204"},
		"206":           {upstream.Status(206), "PLP0025", errs.Invalid, 1, "206"},
		"nowhere":       {upstream.Status(302), "PLP0025", errs.Invalid, 1, "302"},
		"wrong":         {upstream.Wrong(), "PLP0003", errs.Invalid, 2, "sha256"},
		"short":         {upstream.Short(1), "PLP0004", errs.Invalid, 2, "100000"},
		"long":          {upstream.Long(1), "PLP0004", errs.Invalid, 2, "100001"},
		"length more":   {upstream.LyingLength(200_000), "PLP0004", errs.Invalid, 2, "200000"},
		"length less":   {upstream.LyingLength(10), "PLP0004", errs.Invalid, 2, "10 bytes"},
		"endless":       {upstream.Endless(), "PLP0004", errs.Invalid, 2, "more than"},
		"cut":           {upstream.Cut(500), "PLP0027", errs.Unavailable, 4, "connection failed"},
		"cut at once":   {upstream.Cut(0), "PLP0027", errs.Unavailable, 4, "connection failed"},
		"reset":         {upstream.Reset(500), "PLP0027", errs.Unavailable, 4, "connection failed"},
		"drop":          {upstream.Drop(), "PLP0027", errs.Unavailable, 4, "connection failed"},
		"gzip":          {upstream.Gzip(), "PLP0025", errs.Invalid, 1, "compresses what it should not"},
		"changed":       {upstream.Body([]byte("new")), "PLP0004", errs.Invalid, 2, "3 bytes"},
		"to a file":     {upstream.Redirect(302, "file:///etc/passwd"), "PLP0009", errs.Invalid, 1, `"file"`},
		"to a stranger": {upstream.Redirect(302, "ftp://example.org/"), "PLP0009", errs.Invalid, 1, `"ftp"`},
		"to private":    {upstream.Redirect(307, "http://169.254.169.254/latest/meta-data"), "PLP0027", errs.Forbidden, 1, "metadata"},
		"to private 6":  {upstream.Redirect(308, "http://[::ffff:127.9.9.9]/"), "PLP0027", errs.Forbidden, 1, "loopback"},
		"to nonsense":   {upstream.Redirect(302, "http://%zz/?secret"), "PLP0027", errs.Invalid, 1, "no URL"},
		"broken head":   {upstream.Redirect(302, "http://h\x7f/?secret"), "PLP0027", errs.Unavailable, 4, "malformed"},
		"garbage":       {upstream.Garbage(100_000), "PLP0027", errs.Unavailable, 4, "malformed"},
		"round":         {upstream.Redirect(302, "/f?token=secret"), "PLP0027", errs.Invalid, 0, "circle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, up := newWorld(t), upstream.New(t)
			up.Set("/f", body)
			client, file := w.client(up.URL), want(up.URL+"/f?token=secret", body)
			if c.tries > 1 {
				up.Script("/f", c.fault)
				must(t, w.download(client, file))
				if n := up.Count("/f"); n != 2 {
					t.Errorf("it was asked %d times", n)
				}
			}
			before := up.Count("/f")
			up.Always("/f", c.fault)
			err := w.download(client, file)
			wantFault(t, err, c.code, c.kind, c.says, up.URL+"/f?...")
			if len(err.Error()) > 2000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the query: %v", err)
			}
			n := up.Count("/f") - before
			if name == "drop" {
				n = min(n, c.tries) // the standard library tries once more by itself when a kept connection is dropped
			}
			if c.tries > 0 && n != c.tries {
				t.Errorf("it was asked %d times, not %d", n, c.tries)
			}
			if c.tries > 1 && !strings.Contains(err.Error(), fmt.Sprintf("tried %d times", c.tries)) {
				t.Errorf("the error does not say how often it was tried: %v", err)
			}
			if remote.Temporary(err) != (c.tries == 4) {
				t.Errorf("Temporary is %v", remote.Temporary(err))
			}
			w.wantNothingStored()
		})
	}
}

// A file that grows beyond what it should be is not read to its end.
func TestALieIsCutOff(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Always("/f", upstream.Endless())
	err := w.download(w.client(up.URL), remote.Want{URL: up.URL + "/f", Size: ptr(int64(1 << 20))})
	wantFault(t, err, "PLP0004", errs.Invalid)
	if sent := up.Sent("/f"); sent > 64<<20 {
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestGoodDownloads(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	for name, fault := range map[string]upstream.Fault{"plain": nil, "without a length": upstream.Unsaid(), "moved": upstream.Redirect(301, "/plain"), "empty": upstream.Body(nil)} {
		body := []byte("some bytes")
		if name == "empty" {
			body = nil
		}
		up.Set("/"+name, body)
		up.Set("/plain", []byte("some bytes"))
		up.Always("/"+name, fault)
		t.Run(name, func(t *testing.T) {
			file := want(up.URL+"/"+strings.ReplaceAll(name, " ", "%20"), body)
			must(t, w.download(w.client(up.URL), file))
			must(t, w.download(w.client(up.URL), remote.Want{URL: file.URL}))
		})
	}
}

func TestTheStatusIsTold(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	err := w.download(w.client(up.URL), remote.Want{URL: up.URL + "/missing"})
	if status, ok := remote.Status(err); !ok || status != 404 {
		t.Errorf("status %d, %v of %v", status, ok, err)
	}
	if _, ok := remote.Status(errors.New("other")); ok {
		t.Error("another error has a status")
	}
}

// A digest that cannot be verified is no reason to ask the upstream.
func TestUnknownDigest(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	err := w.download(w.client(up.URL), remote.Want{URL: up.URL + "/f", Digests: artifact.Digests{artifact.MD5: "x"}})
	wantFault(t, err, "PLP0020", errs.Invalid, "md5", up.URL)
	if up.Total() != 0 {
		t.Error("the upstream was asked")
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		max   *int64
		fault upstream.Fault
		tries int
	}{{nil, upstream.Status(503), 4}, {ptr(int64(0)), upstream.Status(503), 1}, {ptr(int64(7)), upstream.Status(503), 8}, {ptr(int64(0)), upstream.Wrong(), 1}} {
		w, up := newWorld(t), upstream.New(t)
		up.Set("/f", []byte("x"))
		up.Always("/f", c.fault)
		err := w.download(w.client(up.URL, func(r *model.Remote) { r.MaxRetries = c.max }), want(up.URL+"/f", []byte("x")))
		if err == nil || up.Count("/f") != c.tries || len(w.clock.waits()) != c.tries-1 {
			t.Errorf("%d tries and %v, not %d: %v", up.Count("/f"), w.clock.waits(), c.tries, err)
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("x"))
	up.Script("/f", upstream.RetryAfter(429, "17"), upstream.RetryAfter(503, w.clock.Now().Add(40*time.Second).Format(http.TimeFormat)), upstream.RetryAfter(503, "86400"))
	must(t, w.download(w.client(up.URL), want(up.URL+"/f", []byte("x"))))
	if got := w.clock.waits(); !slices.Equal(got, []time.Duration{17 * time.Second, 23 * time.Second, 2 * time.Minute}) {
		t.Errorf("it waited %v", got)
	}
}

// The caller's end reaches a stalled download, a wait for a place, and a wait between tries.
func TestCancel(t *testing.T) {
	t.Parallel()
	reason := errors.New("somebody canceled the task")
	for name, stall := range map[string]int{"before the head": -1, "in the body": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, up := newWorld(t), upstream.New(t)
			up.Set("/f", []byte("some bytes"))
			up.Always("/f", upstream.Stall(stall))
			client := w.client(up.URL, func(r *model.Remote) { r.DownloadConcurrency = ptr(int64(1)) })
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := client.Download(ctx, w.store, want(up.URL+"/f", []byte("some bytes")))
					done <- err
				}()
			}
			<-up.Stalled()
			cancel(reason)
			for range 2 {
				if err := <-done; !errs.Is(err, errs.Canceled) || !errors.Is(err, reason) {
					t.Errorf("the end is %v", err)
				}
			}
			if n := up.Count("/f"); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			w.wantNothingStored()
		})
	}
}

// A fault of the storage is no fault of the upstream: nothing is tried again.
func TestStorageFault(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("x"))
	w.store = &artifact.Store{Storage: full{w.store.Storage}, Algorithms: w.store.Algorithms}
	err := w.download(w.client(up.URL), want(up.URL+"/f", []byte("x")))
	if !errs.Is(err, errs.StorageFull) || up.Count("/f") != 1 {
		t.Errorf("asked %d times: %v", up.Count("/f"), err)
	}
}

type full struct{ storage.Storage }

func (full) Stage(context.Context) (storage.Staged, error) { return fullStage{}, nil }

type fullStage struct{}

func (fullStage) Write([]byte) (int, error) {
	return 0, errs.New(errs.StorageFull, "the disk is full; make room")
}
func (fullStage) Size() int64                          { return 0 }
func (fullStage) Commit(context.Context, string) error { return nil }
func (fullStage) Cancel() error                        { return nil }

// A body that breaks off is given again from its beginning; what the taker finds wrong with it is final.
func TestFetch(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("some bytes"))
	up.Script("/f", upstream.Cut(4), upstream.Status(503))
	client := w.client(up.URL)
	var texts []string
	must(t, client.Fetch(t.Context(), up.URL+"/f", func(body io.Reader) error {
		text, err := io.ReadAll(body)
		texts = append(texts, string(text))
		return err
	}))
	if !slices.Equal(texts, []string{"some", "some bytes"}) {
		t.Errorf("it gave %q", texts)
	}
	bad := errors.New("a junk line")
	before := up.Count("/f")
	if err := client.Fetch(t.Context(), up.URL+"/f", func(io.Reader) error { return bad }); err != bad || up.Count("/f") != before+1 {
		t.Errorf("%v after %d requests", err, up.Count("/f")-before)
	}
}
