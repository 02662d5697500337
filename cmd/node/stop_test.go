package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// slowUpload is an upload of which the server has the beginning.
type slowUpload struct {
	rest   *io.PipeWriter
	form   *multipart.Writer
	status chan int
}

// beginUpload returns when the server works on the request.
func beginUpload(t *testing.T, n *running) *slowUpload {
	t.Helper()
	read, write := io.Pipe()
	u := &slowUpload{rest: write, form: multipart.NewWriter(write), status: make(chan int, 1)}
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), "POST", n.URL()+"/pulp/api/v3/artifacts/", read)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", adminPassword)
	request.Header.Set("Content-Type", u.form.FormDataContentType())
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	go func() {
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			u.status <- 0
			return
		}
		u.status <- response.StatusCode
		_ = response.Body.Close()
	}()
	part, err := u.form.CreateFormFile("file", "big")
	if err != nil {
		t.Fatal(err)
	}
	// More than all buffers on the way take, so that the server must have read some of it.
	if _, err := part.Write(bytes.Repeat([]byte("x"), 8<<20)); err != nil {
		t.Fatal(err)
	}
	return u
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
	if err := errors.Join(u.form.Close(), u.rest.Close()); err != nil {
		t.Fatal(err)
	}
	if status := <-u.status; status != http.StatusCreated {
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
	_ = u.rest.CloseWithError(io.ErrUnexpectedEOF)
	<-u.status
}

func TestADeadMachineEndsTheProcess(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Serve} {
		n := start(t, mode, embeddedIn(t.TempDir())...)
		if status, _ := n.call("GET", "/pulp/api/v3/status/", nil); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if err := n.listener.Close(); err != nil {
			t.Fatal(err)
		}
		if err := n.wait(); !errs.Is(err, errs.Internal) {
			t.Errorf("%s ended with %v", mode, err)
		}
	}
}
