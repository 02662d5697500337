package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// slowUpload is an upload of which the server has the beginning.
type slowUpload struct {
	pipe   *io.PipeWriter
	rest   []byte
	status chan int
}

// beginUpload returns when the server works on the request.
func beginUpload(t *testing.T, n *running) *slowUpload {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "big")
	if err != nil {
		t.Fatal(err)
	}
	_, err = part.Write(bytes.Repeat([]byte("x"), 8<<20))
	if err := errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), "POST", n.URL()+"/pulp/api/v3/artifacts/", read)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", adminPassword)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.ContentLength = int64(body.Len())
	// The last few bytes wait. The others are more than all buffers on the way take, so the server must have read some.
	u := &slowUpload{pipe: write, rest: body.Bytes()[body.Len()-100:], status: make(chan int, 1)}
	go u.send(t, request)
	if _, err := write.Write(body.Bytes()[:body.Len()-100]); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *slowUpload) send(t *testing.T, request *http.Request) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Logf("the upload: %v", err)
		u.status <- 0
		return
	}
	_ = response.Body.Close()
	u.status <- response.StatusCode
}

// finish sends what is left and gives the status of the answer.
func (u *slowUpload) finish(t *testing.T) int {
	t.Helper()
	if _, err := u.pipe.Write(u.rest); err != nil {
		t.Fatal(err)
	}
	_ = u.pipe.Close()
	return <-u.status
}

func TestAGracefulStopFinishesARunningRequest(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	u := beginUpload(t, n)
	n.end()
	address := strings.TrimPrefix(n.URL(), "http://")
	n.until("no new connections are taken", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return true
		}
		_ = c.Close()
		return false
	})
	select {
	case err := <-n.ended:
		t.Fatalf("it stopped before the request was done: %v", err)
	default:
	}
	if status := u.finish(t); status != http.StatusCreated {
		t.Errorf("the request ended with %d", status)
	}
	if err := n.wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestASecondSignalEndsTheWaiting(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	u := beginUpload(t, n)
	n.end()
	close(n.hurry)
	if err := n.wait(); !errs.Is(err, errs.Canceled) {
		t.Errorf("stop in a hurry: %v", err)
	}
	_ = u.pipe.CloseWithError(io.ErrUnexpectedEOF)
	<-u.status
}

func TestADeadMachineEndsTheProcess(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	if err := n.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.wait(); !errs.Is(err, errs.Internal) {
		t.Errorf("it ended with %v", err)
	}
}

func TestAStopRightAfterTheStartIsHeard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 5 {
		if err := start(t, Serve, embeddedIn(dir)...).stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestAStopIsToldWhenItIsDone: and when it begins.
func TestAStopIsToldWhenItIsDone(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o := options(t, Serve, embeddedIn(t.TempDir())...)
	o.Log = slog.New(slog.NewTextHandler(file, nil))
	n, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := n.Run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(file.Name())
	begun, ended := bytes.Index(log, []byte("msg=stopping mode=serve")), bytes.Index(log, []byte("msg=stopped mode=serve"))
	if err != nil || begun < 0 || ended < begun {
		t.Errorf("the log is\n%s%v", log, err)
	}
}
