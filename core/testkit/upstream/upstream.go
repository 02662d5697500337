// Package upstream is a server for tests that serves files and misbehaves on order: each path has a script of faults, one
// for each request, after which it serves well. It counts what it was asked. Only tests import it.
//
//	up := upstream.New(t)
//	up.Set("/a.txt", []byte("hello"))
//	up.Script("/a.txt", upstream.Status(503), upstream.Cut(2)) // fails twice, then serves
//	up.Always("/b.txt", upstream.Wrong())                      // never serves well
//	fetch(up.URL + "/a.txt")
package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Server is an upstream on a loopback address, closed at the end of its test. It is safe for concurrent use.
type Server struct {
	// URL is where it is, without a slash at the end.
	URL string
	// CA is the PEM certificate of the authority that signed the server's own; nil without TLS.
	CA []byte
	// ClientCert and ClientKey are a PEM pair that the server takes; nil without ClientCerts.
	ClientCert, ClientKey []byte

	t              testing.TB
	http           *httptest.Server
	user, password string
	stalled        chan string

	mu       sync.Mutex
	folder   fs.FS
	files    map[string][]byte
	scripts  map[string][]Fault
	always   map[string]Fault
	asked    map[string][]*http.Request
	sent     map[string]int64
	now      int
	peak     int
	released chan struct{}
}

// Option changes a Server before it starts.
type Option func(*Server, *authority)

// TLS serves https with HTTP/1.1 and HTTP/2, signed by the authority in Server.CA.
func TLS() Option {
	return func(s *Server, a *authority) {
		s.CA = a.pem
		s.http.TLS = &tls.Config{Certificates: []tls.Certificate{a.server()}}
		s.http.EnableHTTP2 = true
	}
}

// ClientCerts is TLS for clients that show the certificate in Server.ClientCert only.
func ClientCerts() Option {
	return func(s *Server, a *authority) {
		TLS()(s, a)
		s.ClientCert, s.ClientKey = a.client()
		s.http.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		s.http.TLS.ClientCAs = x509.NewCertPool()
		s.http.TLS.ClientCAs.AppendCertsFromPEM(a.pem)
	}
}

// BasicAuth answers 401 to who does not show user and password at once.
func BasicAuth(user, password string) Option {
	return func(s *Server, _ *authority) { s.user, s.password = user, password }
}

// Folder serves the files of a file system, below those of Set.
func Folder(files fs.FS) Option {
	return func(s *Server, _ *authority) { s.folder = files }
}

// New starts a server.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{t: t, stalled: make(chan string, 1000), files: map[string][]byte{}, scripts: map[string][]Fault{},
		always: map[string]Fault{}, asked: map[string][]*http.Request{}, sent: map[string]int64{}, released: make(chan struct{})}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.ErrorLog = quiet()
	a := sync.OnceValue(func() *authority { return newAuthority(t) })
	for _, option := range options {
		option(s, a())
	}
	if s.http.TLS != nil {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	s.URL = s.http.URL
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.Release()
		s.http.Close()
	})
	return s
}

// Set puts a file at a path, which begins with a slash and is not percent-encoded. It replaces what was there.
func (s *Server) Set(path string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = slices.Clone(body)
}

// Remove takes the file of a path away.
func (s *Server) Remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, path)
}

// Script gives the next requests for a path one fault each; after them it is served well. Nil serves well in between.
func (s *Server) Script(path string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[path] = append(s.scripts[path], faults...)
}

// Always gives every request for a path the fault, once its script has ended; nil ends that.
func (s *Server) Always(path string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always[path] = fault
}

// Requests are the requests for a path so far, in their order, for their headers and methods. Paths that redirects led
// to count as well. Do not read the bodies.
func (s *Server) Requests(path string) []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[path])
}

// Count is the number of requests for a path.
func (s *Server) Count(path string) int { return len(s.Requests(path)) }

// Total is the number of requests for all paths.
func (s *Server) Total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asked := range s.asked {
		n += len(asked)
	}
	return n
}

// Peak is the largest number of requests that were served at the same time. One may still count when its client has all
// of it already; one that was released from its Stall counts no more, so with Stall the number is exact.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Sent is the number of bytes of bodies that were written for a path, taken by the client or not.
func (s *Server) Sent(path string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[path]
}

// Stalled gives the path of each request that has come to its Stall.
func (s *Server) Stalled() <-chan string { return s.stalled }

// Release lets all that are stalled now go on to their end. Those that stall later wait for the next Release.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	fault, body, found, released := s.begin(r)
	done := sync.OnceFunc(s.end)
	defer done()
	a := &answer{ResponseWriter: w, r: r, body: body, found: found, server: s, released: released, done: done}
	if user, password, _ := r.BasicAuth(); s.user != "" && (user != s.user || password != s.password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="upstream"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	if fault == nil {
		fault = well
	}
	fault(a)
}

// begin counts a request and takes its fault.
func (s *Server) begin(r *http.Request) (fault Fault, body []byte, found bool, released <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := r.URL.Path
	s.asked[at] = append(s.asked[at], r)
	s.now++
	s.peak = max(s.peak, s.now)
	fault = s.always[at]
	if script := s.scripts[at]; len(script) > 0 {
		fault, s.scripts[at] = script[0], script[1:]
	}
	if body, found = s.files[at]; !found && s.folder != nil {
		all, err := fs.ReadFile(s.folder, strings.TrimPrefix(path.Clean(at), "/"))
		body, found = all, err == nil
	}
	return fault, body, found, s.released
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
}
