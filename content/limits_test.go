package content

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// send sends text as it is on a connection of its own.
func (s *site) send(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	must(s.t, c.(*net.TCPConn).SetReadBuffer(64<<10)) // what is not read stays with the server
	go func() { _, _ = io.WriteString(c, text) }()    // the server need not read it all
	return c
}

// TestWhatIsTooLong is answered, and not just cut off, however much the client goes on sending.
func TestWhatIsTooLong(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	long := strings.Repeat("a", 20_000)
	for name, c := range map[string]struct {
		request string
		status  int
		word    string
	}{
		"path":          {"GET " + prefix + long + " HTTP/1.1\r\nHost: x\r\n\r\n", 414, "longer than 4096 bytes"},
		"encoded path":  {"GET " + prefix + strings.Repeat("%61", 4097) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414, "longer than 4096 bytes"},
		"query":         {"GET " + prefix + "f?" + long + long + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "32768"},
		"request line":  {"GET " + prefix + strings.Repeat(long, 10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "32768"},
		"header":        {"GET " + prefix + "f HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat(long, 10) + "\r\n\r\n", 431, "32768"},
		"many headers":  {"GET " + prefix + "f HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 20_000) + "\r\n", 431, "32768"},
		"endless":       {"GET " + strings.Repeat(long, 10), 431, "32768"},
		"no HTTP":       {"hello\r\n\r\n" + strings.Repeat(long, 10), 400, "proper HTTP"},
		"no target":     {"GET\r\n\r\n", 400, "proper HTTP"},
		"unread upload": {"POST " + prefix + "f HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000), 405, "read only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, err := http.ReadResponse(bufio.NewReader(s.send(c.request)), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != c.status || !strings.Contains(string(body), c.word) || response.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v %q %v", response.StatusCode, response.Header, body, err)
			}
			if c.status != 414 && !response.Close {
				t.Error("the connection is said to go on")
			}
		})
	}
}

// TestAClientThatTakesNothing: its connection is reset and its file closed, whatever is sent and however.
func TestAClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 1<<20) // 16 MiB, more than the buffers of a connection
	for name, store := range map[string]*remote{"file": nil, "object": newRemote()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := func(o *Options) { o.stall = 50 * time.Millisecond }
			s := start(t, nil, patience)
			if store != nil {
				s = start(t, store, patience)
			}
			s.add("big", text)
			c := s.send("GET " + prefix + "big HTTP/1.0\r\n\r\n")
			if line := s.awaitAccess(prefix + "big"); line["broken_off"] == nil || line["bytes"].(int64) >= int64(len(text)) {
				t.Errorf("it was logged as %v", line)
			}
			if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client sees the end %v", err)
			}
			if store == nil && s.openFiles() != 0 {
				t.Error("the file is left open")
			}
		})
	}
}

// trickle is a connection whose client takes so many bytes in the time that it has for a block.
type trickle struct {
	patient
	takes int64
	taken strings.Builder
	files bool // it was handed a file, which the kernel sends
}

func (c *trickle) Write(p []byte) (int, error) { return c.taken.Write(p) }

func (c *trickle) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		_, c.files = limited.R.(*os.File)
	}
	n, err := io.CopyN(&c.taken, r, c.takes)
	if errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, &net.OpError{Op: "write", Net: "tcp", Err: os.ErrDeadlineExceeded}
}

// TestSlowClients: who takes enough goes on, however long it takes; who does not, does not. Neither loses a byte.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	text := strings.Repeat("0123456789abcdef", 3*block/16) + "tail"
	a := s.add("f", text)
	for takes, want := range map[int64]bool{leastBytes: true, leastBytes - 1: false, block: true, 2 * block: true} {
		file, err := os.Open(s.dir + "/" + a.File)
		if err != nil {
			t.Fatal(err)
		}
		conn := &trickle{takes: takes}
		b := &body{exchange: &exchange{Server: &Server{}}, bytes: localFile{file}, conn: conn}
		b.parts = []part{{head: "head", span: span{start: 1, length: int64(len(text)) - 1}}}
		b.tail = "end"
		buffer := bufio.NewWriter(conn)
		n, err := b.WriteTo(buffer)
		if want {
			err = errors.Join(err, buffer.Flush())
		}
		_ = file.Close()
		whole := "head" + text[1:] + "end"
		if (err == nil) != want || want && conn.taken.String() != whole || !strings.HasPrefix(whole, conn.taken.String()) || n != int64(conn.taken.Len()) {
			t.Errorf("a client that takes %d: %d of %d bytes, %v", takes, n, len(whole), err)
		}
		if !conn.files {
			t.Error("the bytes of a large file go through memory")
		}
		if !want && !gone(err) {
			t.Errorf("a slow client is our fault: %v", err)
		}
	}
}

// TestTheKernelCannotReadTheFile: that is no client that has gone.
func TestTheKernelCannotReadTheFile(t *testing.T) {
	t.Parallel()
	for number, client := range map[syscall.Errno]bool{syscall.EIO: false, syscall.ESTALE: false, syscall.EPIPE: true, syscall.ECONNRESET: true} {
		err := error(&net.OpError{Op: "readfrom", Net: "tcp", Err: os.NewSyscallError("sendfile", number)})
		if gone(err) != client {
			t.Errorf("%v: the client has gone: %v", err, !client)
		}
	}
	if !gone(&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}) {
		t.Error("a broken pipe is our fault")
	}
}

// TestCaching: what nobody guards may be kept as long as the operator says, errors never.
func TestCaching(t *testing.T) {
	t.Parallel()
	for _, age := range []string{"", "0", "300"} {
		s := start(t, nil, func(o *Options) {
			if age != "" {
				n := len(age) / 3 * 300
				o.MaxAge = &n
			}
		})
		s.add("f", "text")
		guarded := s.offers["f"]
		d, guard := *guarded.Distribution, "a guard"
		d.ContentGuardID = &guard
		guarded.Distribution = &d
		s.offers["g"] = guarded
		open, momentary := "", ""
		if age != "" {
			open, momentary = "max-age="+age, "no-store"
		}
		for _, c := range []struct {
			path, header, value string
			status              int
			want                string
		}{
			{"f", "", "", 200, open},
			{"f", "Range", "bytes=0-1", 206, open},
			{"f", "If-None-Match", etagOf("text"), 304, open},
			{"f", "Range", "bytes=99-", 416, momentary},
			{"f", "If-Match", `"x"`, 412, momentary},
			{"g", "", "", 200, "private"},
			{"g", "If-None-Match", etagOf("text"), 304, "private"},
			{"missing", "", "", 404, "no-store"},
			{"guarded", "", "", 403, "no-store"},
			{"away", "", "", 503, "no-store"},
		} {
			asked := headers{}
			if c.header != "" {
				asked[c.header] = c.value
			}
			a := s.ask("GET", prefix+c.path, asked)
			if a.StatusCode != c.status || a.Header.Get("Cache-Control") != c.want || len(a.Header.Values("Cache-Control")) > 1 {
				t.Errorf("%q: %s %s is %d %q, want %d %q", age, c.path, c.value, a.StatusCode, a.Header.Values("Cache-Control"), c.status, c.want)
			}
		}
	}
}

// TestManyFilesAreOpen: a lack of open files is no fault of the storage, and passes.
func TestManyFilesAreOpen(t *testing.T) {
	t.Parallel()
	store := newRemote()
	s := start(t, store, nil)
	s.add("f", "text")
	store.err = &os.PathError{Op: "open", Path: "f", Err: syscall.EMFILE}
	var together sync.WaitGroup
	for range 4 {
		together.Go(func() {
			if a := s.ask("GET", prefix+"f", nil); a.StatusCode != 503 || strings.Contains(string(a.body), "administrator") {
				t.Errorf("%d %q", a.StatusCode, a.body)
			}
		})
	}
	together.Wait()
}
