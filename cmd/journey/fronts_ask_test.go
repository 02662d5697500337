package journey_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// way is a way to a content server.
type way struct {
	phase
	name, id, address string
}

// asked is one request, and what must come of it on every way.
type asked struct {
	// do is method and path below the prefix, or from the root when it begins with a slash; head has more lines of the head.
	do   string
	head []string
	body string
	// old asks with HTTP/1.0.
	old bool

	status int
	want   map[string]string // headers, exactly; empty wants none
	// text is the body; nil says nothing of it. parts are those of a multipart one.
	text  []byte
	parts []string
	has   []string

	// stored is set where the answer is a stored file or a part of it, or depends on one: with a storage that clients are
	// sent to it is a link, which gives the same bytes.
	stored bool
	// own is set where a web server may refuse by itself, with a status of its own.
	own bool
	// except is the web server that answers with the same bytes and other headers.
	except string
	// broken wants no answer that looks whole.
	broken bool
}

// answered is an answer; err is how its body ended before its time.
type answered struct {
	status int
	header http.Header
	body   string
	err    error
}

// ours are the headers that no web server may change, add or take away.
var ours = []string{
	"ETag", "Last-Modified", "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Repr-Digest", "X-PULP-ARTIFACT-SIZE", "Cache-Control",
	"X-Content-Type-Options", "Content-Security-Policy", "Vary", "Location", "Allow", "Content-Encoding", "Content-Disposition", "Transfer-Encoding",
}

// all gives the lines of a header.
func (a *answered) all(name string) string {
	return strings.Join(a.header.Values(name), "|")
}

// send sends a request as it is written.
func send(address, method, target, proto string, head []string, body string) *answered {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return &answered{err: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	lines := append([]string{method + " " + target + " " + proto, "Host: packages.example.org", "Connection: close"}, head...)
	if body != "" {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	// A server may answer before it has read everything, and close.
	_, written := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return &answered{err: errors.Join(err, written)}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if len(answer.TransferEncoding) > 0 {
		answer.Header.Set("Transfer-Encoding", strings.Join(answer.TransferEncoding, ","))
	}
	return &answered{answer.StatusCode, answer.Header, string(text), err}
}

// ask asks on a way, and tells what is wrong with the answer.
func (f *offer) ask(t *testing.T, w way, a asked) {
	t.Helper()
	method, target, _ := strings.Cut(a.do, " ")
	if !strings.HasPrefix(target, "/") {
		target = f.at() + target
	}
	proto := "HTTP/1.1"
	if a.old {
		proto = "HTTP/1.0"
	}
	got := send(w.address, method, target, proto, a.head, a.body)
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	switch {
	case a.broken:
		if got.err == nil && got.status < 400 {
			fault("it looks whole")
		}
	case a.own && w.name != "direct" && (got.status >= 400 && got.status < 500 && got.status != a.status || got.status == 0):
	case a.except == w.name && !w.redirects:
		if got.err != nil || sum(got.body) != sum(string(a.text)) {
			fault("it has other bytes (%v)", got.err)
		}
	case a.stored && w.redirects:
		f.link(got, method, a, fault)
	default:
		a.compare(got, fault)
		f.alike(got, w, a, fault)
	}
	for _, name := range []string{"X-Accel-Redirect", "X-Sendfile", "Content-Encoding"} {
		if got.header.Get(name) != "" {
			fault("it has the header %s", name)
		}
	}
	if len(faults) > 0 {
		t.Errorf("%s %q: %s\n(%d, %v, %d bytes %.80q, %v)", a.do, a.head, strings.Join(faults, "; "), got.status, got.header, len(got.body), got.body, got.err)
	}
}

// compare compares an answer with what is wanted.
func (a asked) compare(got *answered, fault func(string, ...any)) {
	if got.status != a.status || got.err != nil {
		fault("the status is %d (%v), want %d", got.status, got.err, a.status)
		return
	}
	for name, want := range a.want {
		if value := got.all(name); value != want {
			fault("%s is %q, want %q", name, value, want)
		}
	}
	if a.text != nil && sum(got.body) != sum(string(a.text)) {
		fault("the body has %d bytes with the digest %s, want %d with %s", len(got.body), sum(got.body), len(a.text), sum(string(a.text)))
	}
	for _, text := range a.has {
		if !strings.Contains(got.body, text) {
			fault("it lacks %q", text)
		}
	}
	if a.parts != nil {
		a.compareParts(got, fault)
	}
}

// compareParts reads the parts of a multipart body: their ranges and bytes in turn.
func (a asked) compareParts(got *answered, fault func(string, ...any)) {
	kind, parameters, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		fault("it is %s (%v)", kind, err)
		return
	}
	var parts []string
	r := multipart.NewReader(strings.NewReader(got.body), parameters["boundary"])
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fault("its parts cannot be read: %v", err)
			return
		}
		text, err := io.ReadAll(part)
		if err != nil {
			fault("a part cannot be read: %v", err)
			return
		}
		parts = append(parts, part.Header.Get("Content-Range"), string(text))
	}
	if strings.Join(parts, "|") != strings.Join(a.parts, "|") {
		fault("its parts are %q, want %q", parts, a.parts)
	}
}

// alike compares an answer with what the first server gave without a web server between.
func (f *offer) alike(got *answered, w way, a asked, fault func(string, ...any)) {
	if strings.Contains(a.do, w.id) || a.own && w.name != "direct" {
		return // a file of this way alone, or a refusal of the web server itself
	}
	key := fmt.Sprint(a.do, a.head, a.old, w.redirects)
	first, known := f.known[key]
	if !known {
		f.known[key] = got
		return
	}
	for _, name := range ours {
		one, other := got.all(name), first.all(name)
		if a.parts != nil && name == "Content-Type" {
			continue // the boundary is random
		}
		if one != other {
			fault("%s is %q, and was %q on the first way", name, one, other)
		}
	}
	if a.parts == nil && sum(got.body) != sum(first.body) {
		fault("the body is another one than on the first way: %.200q", first.body)
	}
}

// oneRange is a range that every storage understands alike.
var oneRange = regexp.MustCompile(`^Range: bytes=[0-9]{0,12}-[0-9]{0,12}$`)

// link follows a link to the storage, which must give what is wanted without conditions.
func (f *offer) link(got *answered, method string, a asked, fault func(string, ...any)) {
	link, err := url.Parse(got.header.Get("Location"))
	if got.status != http.StatusFound || err != nil || !strings.HasPrefix(link.String(), f.settings["storage.s3.endpoint"]) || got.all("Cache-Control") != "no-store" {
		fault("it is no link to the storage")
		return
	}
	var head []string
	for _, line := range a.head {
		if strings.HasPrefix(line, "If-") {
			return // the storage compares with its own validators
		}
		if strings.HasPrefix(line, "Range:") {
			if !oneRange.MatchString(line) {
				return // storages have opinions of their own of other ones
			}
			head = append(head, line)
		}
	}
	if a.status != http.StatusOK && a.status != http.StatusPartialContent || len(head) > 0 && a.status == http.StatusOK || a.text == nil {
		return
	}
	there := sendTo(link, method, head)
	if there.status != a.status || there.err != nil || method == http.MethodGet && sum(there.body) != sum(string(a.text)) {
		fault("the storage answers %d with %d bytes (%v), want %d with %d", there.status, len(there.body), there.err, a.status, len(a.text))
	}
}

// sendTo asks a storage, whose name is signed.
func sendTo(link *url.URL, method string, head []string) *answered {
	r := &http.Request{Method: method, URL: link, Header: http.Header{}}
	for _, line := range head {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return &answered{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return &answered{answer.StatusCode, answer.Header, string(text), err}
}
