package snippets_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/testkit/webserver"
	snippets "github.com/packhouse/packhouse/webserver_snippets"
)

// heard is what a process behind a web server hears of a request.
type heard struct {
	Who, Path string
	Header    http.Header
	Host      string
}

// behind is a process that says what it hears, and breaks answers off where the path says so.
func behind(t *testing.T, who string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/short"):
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, "not all")
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/broken"):
			_, _ = io.WriteString(w, "not all")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/commands"):
			w.Header().Set("X-Accel-Redirect", "/_media/secret")
			w.Header().Set("X-Sendfile", "/etc/hostname")
		case strings.HasSuffix(r.URL.Path, "/handed"):
			name := "Cache-Control"
			if r.Header.Get("X-Sendfile-Type") == "X-Accel-Redirect" {
				name = "X-Packhouse-Cache-Control"
			}
			w.Header().Set(name, "max-age=300")
			w.Header().Set("ETag", `"handed"`)
			w.Header().Set(r.Header.Get("X-Sendfile-Type"), r.Header.Get("X-"+r.Header.Get("X-Sendfile-Type")))
		case strings.HasSuffix(r.URL.Path, "/page"):
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("ETag", `"page"`)
		}
		_ = json.NewEncoder(w).Encode(heard{who, r.RequestURI, r.Header, r.Host})
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// front runs a web server with a site before two processes.
func front(t *testing.T, name string, change func(*snippets.Site)) (address string) {
	t.Helper()
	address = webserver.Address(t)
	s := site(address)
	s.API, s.Content = []string{behind(t, "api")}, []string{behind(t, "content")}
	change(&s)
	text, err := servers[name].render(s)
	if err != nil {
		t.Fatal(err)
	}
	webserver.Start(t, servers[name], address, text)
	return address
}

// raw sends a request as it is written and gives the answer.
func raw(t *testing.T, conn net.Conn, request string) (*http.Response, string, error) {
	t.Helper()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

// get asks for a path with more lines of a head, and gives what the process behind has heard; nothing when none did.
func get(t *testing.T, address, path, head string) (*http.Response, heard, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	answer, body, err := raw(t, conn, "GET "+path+" HTTP/1.1\nHost: packages.example.org:8080\nConnection: close\n"+head+"\n")
	var h heard
	_ = json.Unmarshal([]byte(body), &h) // pages of the web server itself are none
	return answer, h, err
}

func TestPathsArriveAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := front(t, name, func(*snippets.Site) {})
			for path, who := range map[string]string{
				"/pulp/content/a/b": "content", "/pulp/content/": "content", "/pulp/content": "content", "/pulp/content/a%2Fb": "content", "/pulp/content/a%20b%25c%C3%A4": "content",
				"/pulp/content/a//b": "content", "/pulp/content/a+b:c@d;e=f,~": "content", "/pulp/content/a?x=%2F&y=a//b": "content", "/pulp/content/%61": "content",
				"/pulp/contents": "api", "/pulp/api/v3/status/": "api", "/pulp/api/v3/x/?q=a%2Fb": "api", "/pulp/some-domain/api/v3/status/": "api",
				"/auth/oidc/corp/login/": "api", "/": "api", "/livez": "", "/metrics": "", "/pulps/": "", "/_media/secret": "", "/favicon.ico": "",
			} {
				answer, h, _ := get(t, address, path, "")
				if h.Who != who || who != "" && h.Path != path || who == "" && answer.StatusCode != 404 && answer.StatusCode != 403 {
					t.Errorf("%s is %d, and %q hears %q", path, answer.StatusCode, h.Who, h.Path)
				}
			}
		})
	}
}

func TestClientsForgeNoHeaders(t *testing.T) {
	t.Parallel()
	for name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := front(t, name, func(s *snippets.Site) { s.Forged = []string{"X-Who"} })
			_, plain, _ := get(t, address, "/pulp/content/x", "X-Sendfile-Type: X-Accel-Redirect\nX-Sendfile-Type: X-Sendfile\n")
			_, sends, _ := get(t, front(t, name, func(s *snippets.Site) { s.Media = "/srv" }), "/pulp/content/x", "X-Sendfile-Type: nothing\nConnection: X-Sendfile-Type\n")
			kind := map[string]string{"nginx": "X-Accel-Redirect", "apache": "X-Sendfile"}[name]
			if got := sends.Header.Values("X-Sendfile-Type"); len(plain.Header.Values("X-Sendfile-Type")) > 0 || len(got) != 1 || got[0] != kind {
				t.Errorf("it is said to send files: %v, and %q", plain.Header, got)
			}
			forged := "X-Forwarded-For: 6.6.6.6\nx-forwarded-host: evil\nX-Forwarded-Proto: gopher\nForwarded: for=6.6.6.6\nX-Client-Cert: mine\nREMOTE-USER: admin\n" +
				"Remote-User: admin\nX-Who: admin\nX-Real-IP: 6.6.6.6\nConnection: x-forwarded-proto, X-Forwarded-For\nAuthorization: Basic eDp5\nRange: bytes=0-1\nIf-Range: \"x\"\nCorrelation-ID: abc\n"
			for _, path := range []string{"/pulp/content/x", "/pulp/api/v3/x/", "/auth/x"} {
				_, h, err := get(t, address, path, forged)
				if err != nil || h.Header.Get("X-Forwarded-For") != "127.0.0.1" || h.Header.Get("X-Forwarded-Proto") != "http" || h.Host != "packages.example.org:8080" {
					t.Errorf("%s hears %+v, %v", path, h, err)
				}
				if host := h.Header.Get("X-Forwarded-Host"); host != "" && host != h.Host {
					t.Errorf("%s hears of the host %q", path, host)
				}
				for _, gone := range []string{"Forwarded", "X-Client-Cert", "Remote-User", "X-Who", "X-Real-Ip"} {
					if values := h.Header.Values(gone); len(values) > 0 {
						t.Errorf("%s hears %s: %q", path, gone, values)
					}
				}
				for want, value := range map[string]string{"Authorization": "Basic eDp5", "Range": "bytes=0-1", "If-Range": `"x"`, "Correlation-Id": "abc"} {
					if h.Header.Get(want) != value {
						t.Errorf("%s does not hear %s", path, want)
					}
				}
			}
		})
	}
}

// TestBrokenAnswersLookBroken: a client must not take a part for the whole.
func TestBrokenAnswersLookBroken(t *testing.T) {
	t.Parallel()
	for name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := front(t, name, func(s *snippets.Site) { s.Media = t.TempDir() })
			for _, path := range []string{"/pulp/content/short", "/pulp/content/broken"} {
				if answer, _, err := get(t, address, path, ""); err == nil && answer.StatusCode == 200 {
					t.Errorf("%s is whole: %v", path, answer.Header)
				}
			}
			answer, h, _ := get(t, address, "/pulp/content/page", "Accept-Encoding: gzip, deflate, br\n")
			if h.Who != "content" || answer.Header.Get("Content-Encoding") != "" || answer.Header.Get("ETag") != `"page"` {
				t.Errorf("a page is changed: %v", answer.Header)
			}
		})
	}
}

// TestNothingButStoredFilesIsHandedOver: neither the API nor a name outside of the folder gives the web server a command.
func TestNothingButStoredFilesIsHandedOver(t *testing.T) {
	t.Parallel()
	for name := range servers {
		for _, c := range []struct{ media, path string }{{"", "/pulp/content/commands"}, {"", "/pulp/api/v3/commands"}, {"yes", "/pulp/api/v3/commands"}} {
			address := front(t, name, func(s *snippets.Site) {
				if c.media != "" {
					s.Media = t.TempDir()
					if err := os.WriteFile(filepath.Join(s.Media, "secret"), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			})
			if answer, h, _ := get(t, address, c.path, ""); h.Who == "" {
				t.Errorf("%s: %+v gives %d", name, c, answer.StatusCode)
			}
		}
		address := front(t, name, func(s *snippets.Site) { s.Media = t.TempDir() })
		if answer, h, _ := get(t, address, "/pulp/content/commands", ""); answer.StatusCode != 404 || h.Who != "" {
			t.Errorf("%s: a file outside is answered %d %+v", name, answer.StatusCode, h)
		}
	}
}

// TestErrorsOfTheWebServerAreKeptByNobody: what is said of a file is not said of its absence.
func TestErrorsOfTheWebServerAreKeptByNobody(t *testing.T) {
	t.Parallel()
	for name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			media := t.TempDir()
			if err := os.WriteFile(filepath.Join(media, "there"), []byte("text"), 0o644); err != nil { //nolint:gosec // the web server reads it
				t.Fatal(err)
			}
			address := front(t, name, func(s *snippets.Site) { s.Media = media })
			for file, want := range map[string]int{"there": 200, "missing": 404} {
				answer, _, _ := get(t, address, "/pulp/content/handed", "X-X-Accel-Redirect: /_media/"+file+"\nX-X-Sendfile: "+media+"/"+file+"\n")
				control, tag := strings.Join(answer.Header.Values("Cache-Control"), "|"), answer.Header.Get("ETag")
				if answer.StatusCode != want || (control == "max-age=300" && tag == `"handed"`) != (want == 200) || (control+tag == "") != (want == 404) {
					t.Errorf("%s is %d %v", file, answer.StatusCode, answer.Header)
				}
			}
		})
	}
}

func TestClientCertificatesArePassedOn(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	for name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := front(t, name, func(s *snippets.Site) { s.Certificate, s.Key, s.ClientCertificates = certificate, key, true })
			for _, shown := range [][]tls.Certificate{nil, {pair}} {
				conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, Certificates: shown}) //nolint:gosec // a certificate of this test
				if err != nil {
					t.Fatal(err)
				}
				_, body, _ := raw(t, conn, "GET /pulp/content/x HTTP/1.1\nHost: h\nX-CLIENT-CERT: forged\nConnection: close\n\n")
				var h heard
				if err := json.Unmarshal([]byte(body), &h); err != nil {
					t.Fatalf("%v in %s", err, body)
				}
				got := h.Header.Values("X-Client-Cert")
				if shown == nil && len(got) != 0 || shown != nil && (len(got) != 1 || !strings.HasPrefix(got[0], "-----BEGIN")) || h.Header.Get("X-Forwarded-Proto") != "https" {
					t.Errorf("with %d certificates it hears %q, %q", len(shown), got, h.Header)
				}
			}
		})
	}
}

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, body []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: body}), 0o600); err != nil {
			t.Fatal(fmt.Errorf("write %s: %w", name, err))
		}
		return path
	}
	return write("certificate", "CERTIFICATE", der), write("key", "PRIVATE KEY", secret)
}
