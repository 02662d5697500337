package upstream

import (
	"cmp"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy on a loopback address for plain requests and for tunnels, closed at the end of its test.
type Proxy struct {
	// URL is where it is, without user and password.
	URL string

	want string // the Proxy-Authorization header; empty is none

	mu     sync.Mutex
	seen   []string
	divert string
}

// NewProxy starts a proxy; with a user it answers 407 to all others.
func NewProxy(t testing.TB, user, password string) *Proxy {
	t.Helper()
	p := &Proxy{}
	if user != "" {
		p.want = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = quiet()
	server.Start()
	p.URL = server.URL
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return p
}

// Seen are the requests that were let through: method and target, such as "CONNECT 127.0.0.1:443".
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// Divert makes all tunnels lead to one host with port, whatever they were asked for: the names that tests use exist
// nowhere else.
func (p *Proxy) Divert(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.divert = to
}

// ServeHTTP forwards a request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.want != "" && r.Header.Get("Proxy-Authorization") != p.want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.RequestURI)
	to := cmp.Or(p.divert, r.Host)
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		tunnel(w, r, to)
		return
	}
	forward(w, r)
}

func forward(w http.ResponseWriter, r *http.Request) {
	onward := r.Clone(r.Context())
	onward.RequestURI = ""
	onward.Header.Del("Proxy-Authorization")
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	answer, err := transport.RoundTrip(onward)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// tunnel joins the two connections until one side is done.
func tunnel(w http.ResponseWriter, r *http.Request, to string) {
	dialer := net.Dialer{}
	there, err := dialer.DialContext(r.Context(), "tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	_, _ = here.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	done := make(chan struct{}, 2)
	copy := func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from); done <- struct{}{} }
	go copy(there, buffered)
	go copy(here, there)
	<-done
}

var _ http.Handler = (*Proxy)(nil)

// Silent is an address ("127.0.0.1:port") that takes connections and never says a word.
func Silent(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
