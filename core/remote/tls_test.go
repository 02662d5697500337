package remote_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

func trust(up *upstream.Server) func(*model.Remote) {
	return func(r *model.Remote) { r.CACert = ptr(string(up.CA)) }
}

func TestTLS(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t, upstream.TLS())
	up.Set("/f", []byte("x"))
	file := want(up.URL+"/f", []byte("x"))
	must(t, w.download(w.client(up.URL, trust(up)), file))
	if r := up.Requests("/f")[0]; r.ProtoMajor != 2 {
		t.Errorf("it spoke %s", r.Proto)
	}
	must(t, w.download(w.client(up.URL, func(r *model.Remote) { r.TLSValidation = false }), file))
	wantFault(t, w.download(w.client(up.URL), file), "PLP0026", errs.Invalid, "ca_cert", up.URL)
	other := upstream.New(t, upstream.TLS())
	wantFault(t, w.download(w.client(up.URL, trust(other)), file), "PLP0026", errs.Invalid, "ca_cert")
	if n := len(w.clock.waits()); n > 0 {
		t.Errorf("a bad certificate was tried %d times again", n)
	}
	plain := upstream.New(t)
	address := strings.Replace(plain.URL, "http:", "https:", 1)
	wantFault(t, w.download(w.client(address), remote.Want{URL: address + "/f"}), "PLP0026", errs.Invalid, "does not speak TLS")
}

func TestAnotherHostsCertificate(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t, func(o *remote.Options) { o.Egress = []string{"127.0.0.0/8"} }), upstream.New(t, upstream.TLS())
	up.Set("/f", []byte("x"))
	relay := upstream.NewProxy(t, "", "")
	relay.Divert(strings.TrimPrefix(up.URL, "https://"))
	address := strings.Replace(up.URL, "127.0.0.1", "127.0.0.2", 1)
	c := w.client(address, trust(up), func(r *model.Remote) { r.ProxyURL = &relay.URL })
	wantFault(t, w.download(c, want(address+"/f", []byte("x"))), "PLP0026", errs.Invalid, "127.0.0.2")
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t, upstream.ClientCerts())
	up.Set("/f", []byte("x"))
	file := want(up.URL+"/f", []byte("x"))
	pair := func(r *model.Remote) {
		r.ClientCert, r.ClientKey = ptr(string(up.ClientCert)), w.seal("client_key", string(up.ClientKey))
	}
	must(t, w.download(w.client(up.URL, trust(up), pair), file))
	if err := w.download(w.client(up.URL, trust(up), retries(0)), file); err == nil || !strings.Contains(err.Error(), "PLP002") {
		t.Errorf("without a certificate: %v", err)
	}
}

// The client certificate is shown to the remote's own host and to no other that a redirect leads to.
func TestTheClientCertificateStaysAtHome(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t, upstream.ClientCerts())
	shown := make(chan int, 1)
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		shown <- len(r.TLS.PeerCertificates)
		_, _ = answer.Write([]byte("x"))
	}))
	other.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	other.StartTLS()
	t.Cleanup(other.Close)
	up.Always("/f", upstream.Redirect(302, other.URL+"/f"))
	both := func(r *model.Remote) {
		bundle := string(up.CA) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}))
		r.CACert, r.ClientCert, r.ClientKey = &bundle, ptr(string(up.ClientCert)), w.seal("client_key", string(up.ClientKey))
	}
	must(t, w.download(w.client(up.URL, both), want(up.URL+"/f", []byte("x"))))
	if n := <-shown; n != 0 {
		t.Errorf("another host was shown %d certificates", n)
	}
}

// Encryption is not given up by a redirect, unless there is nothing that it protects.
func TestRedirectToPlain(t *testing.T) {
	t.Parallel()
	w, up, plain := newWorld(t), upstream.New(t, upstream.TLS()), upstream.New(t)
	plain.Set("/f", []byte("x"))
	up.Always("/f", upstream.Redirect(302, plain.URL+"/f"))
	file := want(up.URL+"/f", []byte("x"))
	open := func(r *model.Remote) { r.TLSValidation = false }
	must(t, w.download(w.client(up.URL, open), file))
	for _, change := range []func(*model.Remote){trust(up), w.login("a", "b"), headers(token)} {
		closed := []func(*model.Remote){change}
		if row("", change).CACert == nil {
			closed = append(closed, open)
		}
		wantFault(t, w.download(w.client(up.URL, closed...), file), "PLP0026", errs.Invalid, "not encrypted", plain.URL)
	}
	if n := plain.Total(); n != 1 {
		t.Errorf("%d requests came without encryption", n)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		for _, user := range []string{"", "bob"} {
			w := newWorld(t)
			var options []upstream.Option
			if secure {
				options = append(options, upstream.TLS())
			}
			up, proxy := upstream.New(t, options...), upstream.NewProxy(t, user, "secret:word")
			up.Set("/f", []byte("x"))
			file := want(up.URL+"/f", []byte("x"))
			through := func(user, password string) func(*model.Remote) {
				return func(r *model.Remote) {
					r.ProxyURL = &proxy.URL
					if up.CA != nil {
						r.CACert = ptr(string(up.CA))
					}
					if user != "" {
						r.ProxyUsername, r.ProxyPassword = w.seal("proxy_username", user), w.seal("proxy_password", password)
					}
				}
			}
			must(t, w.download(w.client(up.URL, through(user, "secret:word"), w.login("ann", "a")), file))
			if len(proxy.Seen()) != 1 || up.Count("/f") != 1 {
				t.Errorf("the proxy saw %v", proxy.Seen())
			}
			if r := up.Requests("/f")[0]; r.Header.Get("Proxy-Authorization") != "" {
				t.Error("the upstream saw the proxy's password")
			}
			if user != "" {
				err := w.download(w.client(up.URL, through(user, "wrong-secret")), file)
				wantFault(t, err, "PLP0010", errs.Invalid, "407", "proxy_password")
				if strings.Contains(err.Error(), "wrong-secret") {
					t.Error("the error tells the password")
				}
			}
		}
	}
}

// The policy holds for the proxy itself, and for the target that it would be sent to.
func TestEgressBehindAProxy(t *testing.T) {
	t.Parallel()
	w, proxy := newWorld(t), upstream.NewProxy(t, "", "")
	through := func(r *model.Remote) { r.ProxyURL = &proxy.URL }
	for _, target := range []string{"http://169.254.169.254/", "https://[::1]/", "http://metadata.google.internal/", "http://0x7f.1/"} {
		wantFault(t, w.download(w.client(target, through), remote.Want{URL: target + "f"}), "PLP0027", errs.Forbidden, "egress.allow")
	}
	if seen := proxy.Seen(); len(seen) > 0 {
		t.Errorf("the proxy was asked: %v", seen)
	}
	closed := newWorld(t, func(o *remote.Options) { o.Egress = nil })
	wantFault(t, closed.download(closed.client("http://mirror.example.org", through), remote.Want{URL: "http://mirror.example.org/f"}), "PLP0027", errs.Forbidden, "loopback")
}

// A protocol with a client of its own gets the same treatment.
func TestHTTP(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t, upstream.TLS(), upstream.BasicAuth("ann", "password"))
	up.Set("/f", []byte("some bytes"))
	login := w.login("ann", "password")
	answer, err := w.client(up.URL, trust(up), login).HTTP().Do(get(t, up.URL+"/f"))
	must(t, err)
	all, err := io.ReadAll(answer.Body)
	must(t, err)
	must(t, answer.Body.Close())
	if string(all) != "some bytes" || up.Requests("/f")[0].UserAgent() != "packhouse/1.2.3" {
		t.Errorf("read %q", all)
	}
	up.Always("/f", upstream.Stall(4))
	// Time enough for the head of an answer, also on a machine that has other things to do.
	impatient := w.client(up.URL, trust(up), login, func(r *model.Remote) { r.SockReadTimeout = ptr(1.0) }).HTTP()
	answer, err = impatient.Do(get(t, up.URL+"/f?x=secret"))
	must(t, err)
	defer answer.Body.Close()
	_, err = io.ReadAll(answer.Body)
	wantFault(t, remote.Explain(t.Context(), up.URL+"/f?x=secret", err), "PLP0005", errs.Unavailable, "sock_read_timeout", "/f?...")
}
