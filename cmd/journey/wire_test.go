package journey_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOnTheWire sends what no polite client sends, byte by byte, and looks that nothing of one request is taken for the
// next one.
func TestOnTheWire(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		host := strings.TrimPrefix(w.url, "http://")
		login := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(admin+":"+adminPassword)) + "\r\n"
		hidden := "DELETE /pulp/api/v3/hidden/ HTTP/1.1\r\nHost: x\r\n\r\n"
		head := func(method, path, more string) string {
			return method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n"
		}
		const create = "/pulp/api/v3/repositories/file/file/"
		for name, c := range map[string]struct {
			sent     string
			statuses []int
		}{
			"refused with a body":            {head("POST", create, fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(hidden))) + hidden + head("GET", "/pulp/api/v3/livez/", ""), []int{401, 200}},
			"not found with a body":          {head("POST", "/pulp/api/v3/foo/", fmt.Sprintf("Content-Length: %d\r\n", len(hidden))) + hidden + head("GET", "/pulp/api/v3/livez/", ""), []int{404, 200}},
			"a body where none is looked at": {head("GET", "/pulp/api/v3/livez/", fmt.Sprintf("Content-Length: %d\r\n", len(hidden))) + hidden + head("GET", "/pulp/api/v3/livez/", ""), []int{200, 200}},
			"in pieces":                      {head("POST", create, login+"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") + "9\r\n{\"name\":1\r\n1\r\n}\r\n0\r\n\r\n" + head("GET", "/pulp/api/v3/livez/", ""), []int{201, 200}},
			"refused in pieces":              {head("POST", create, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") + "9\r\n{\"name\":1\r\n1\r\n}\r\n0\r\n\r\n" + head("GET", "/pulp/api/v3/livez/", ""), []int{401, 200}},
			"refused with a long body":       {head("POST", create, fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", 100<<10+len(hidden))) + strings.Repeat("x", 100<<10) + hidden + head("GET", "/pulp/api/v3/livez/", ""), []int{401, 200}},
			"a longer one":                   {head("POST", create, fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", 512<<10)) + strings.Repeat(hidden, 300<<10/len(hidden)), []int{401}},
			"not found in pieces":            {head("POST", "/pulp/api/v3/foo/", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n" + head("GET", "/pulp/api/v3/livez/", ""), []int{404, 200}},
			"outside of the API":             {head("POST", "/elsewhere/", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n" + head("GET", "/pulp/api/v3/livez/", ""), []int{404, 200}},
			"after the last part":            {head("POST", create, login+"Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n") + pieces("--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nlast part\r\n--x--\r\nepilogue") + head("GET", "/pulp/api/v3/livez/", ""), []int{201, 200}},
			"no length":                      {head("POST", create, login+"Content-Type: application/json\r\n") + head("GET", "/pulp/api/v3/livez/", ""), []int{400, 200}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				statuses, rest := converse(t, host, c.sent, len(c.statuses))
				for i, want := range c.statuses {
					if i >= len(statuses) { // the server may close the connection instead of reading on
						if i == 0 {
							t.Fatal("no answer")
						}
						return
					}
					if statuses[i] != want {
						t.Fatalf("answers are %v, want %v; left: %q", statuses, c.statuses, rest)
					}
				}
			})
		}
	})
}

// pieces writes a body in chunks of a few bytes.
func pieces(body string) string {
	out := ""
	for ; len(body) > 5; body = body[5:] {
		out += "5\r\n" + body[:5] + "\r\n"
	}
	return out + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// converse sends bytes and reads up to n answers.
func converse(t *testing.T, host, sent string, n int) (statuses []int, rest string) {
	t.Helper()
	connection, err := net.Dial("tcp", host)
	must(t, err)
	defer connection.Close()
	must(t, connection.SetDeadline(time.Now().Add(time.Minute)))
	_, err = connection.Write([]byte(sent))
	must(t, err)
	from := bufio.NewReader(connection)
	for range n {
		answer, err := http.ReadResponse(from, nil)
		if err != nil {
			return statuses, err.Error()
		}
		statuses = append(statuses, answer.StatusCode)
		body := new(strings.Builder)
		_, err = bufio.NewReader(answer.Body).WriteTo(body)
		must(t, err)
		if answer.StatusCode == http.StatusNotFound && strings.Contains(body.String(), "hidden") {
			t.Fatalf("a body was taken for a request: %s", body)
		}
	}
	return statuses, ""
}

// TestTheCorrelationIDIsSpelled as clients search for it, which a Go client cannot see.
func TestTheCorrelationIDIsSpelled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, cid := range []string{"0123456789abcdef0123456789abcdef", "not-an-id", "{01234567-89ab-cdef-0123-456789abcdef}", "urn:uuid:01234567-89ab-cdef-0123-456789abcdef"} {
			connection, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			must(t, err)
			defer connection.Close()
			_, err = fmt.Fprintf(connection, "GET /pulp/api/v3/livez/ HTTP/1.1\r\nHost: x\r\nCorrelation-ID: %s\r\nConnection: close\r\n\r\n", cid)
			must(t, err)
			text := new(strings.Builder)
			_, err = bufio.NewReader(connection).WriteTo(text)
			must(t, err)
			echoed := strings.Contains(text.String(), "\r\nCorrelation-ID: "+cid+"\r\n")
			if valid := cid[0] == '0'; echoed != valid || !strings.Contains(text.String(), "\r\nCorrelation-ID: ") {
				t.Errorf("the id %s is answered with %s", cid, text)
			}
		}
	})
}
