package remote_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

const token = `[{"x-token":"top"},{"X-Many":"1"},{"X-Many":"2"}]`

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t, upstream.BasicAuth("ann", "pass:word"))
	up.Set("/f", []byte("x"))
	client := w.client(up.URL, w.login("ann", "pass:word"), headers(token))
	must(t, w.download(client, want(up.URL+"/f", []byte("x"))))
	if n := up.Count("/f"); n != 1 {
		t.Fatalf("the password was sent at request %d", n)
	}
	sent := up.Requests("/f")[0].Header
	for name, values := range map[string][]string{"User-Agent": {"packhouse/1.2.3"}, "Accept-Encoding": {"identity"}, "X-Token": {"top"}, "X-Many": {"1", "2"}} {
		if !slices.Equal(sent[name], values) {
			t.Errorf("%s is %q", name, sent[name])
		}
	}
	err := w.download(w.client(up.URL, w.login("ann", "wrong-secret")), remote.Want{URL: up.URL + "/f"})
	wantFault(t, err, "PLP0025", errs.Invalid, "401", "password and certificates of the remote")
	if strings.Contains(err.Error(), "wrong-secret") {
		t.Error("the error tells the password")
	}
}

func TestOwnHeadersStandFirst(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("x"))
	client := w.client(up.URL, w.login("ann", "password"), headers(`[{"User-Agent":"mine"},{"Host":"other.test"},{"Authorization":"Bearer b"}]`))
	must(t, w.download(client, remote.Want{URL: up.URL + "/f"}))
	open, err := client.Do(t.Context(), http.MethodPost, up.URL+"/f", http.Header{"authorization": {"Bearer c"}, "Accept-Encoding": {"gzip"}}, []byte("{}"))
	must(t, err)
	open.Body.Close()
	asked := up.Requests("/f")
	if r := asked[0]; r.UserAgent() != "mine" || r.Host != "other.test" || r.Header.Get("Authorization") != "Bearer b" {
		t.Errorf("sent %q to %q", r.Header, r.Host)
	}
	if r := asked[1]; r.Method != "POST" || r.ContentLength != 2 || r.Header.Get("Authorization") != "Bearer c" || r.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("sent %s of %d bytes with %q", r.Method, r.ContentLength, r.Header)
	}
}

// Credentials and headers stay with their host: through redirects, and for a URL that metadata names.
func TestSecretsStayAtHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *remote.Options) { o.Egress = append(o.Egress, "localhost") })
	home, stranger := upstream.New(t), upstream.New(t)
	for _, up := range []*upstream.Server{home, stranger} {
		up.Set("/f", []byte("x"))
	}
	home.Always("/near", upstream.Redirect(302, "/f?q=secret"))
	home.Always("/away", upstream.Redirect(307, stranger.URL+"/f"))
	home.Always("/named", upstream.Redirect(302, strings.Replace(home.URL, "127.0.0.1", "localhost", 1)+"/f"))
	home.Always("/bounce", upstream.Redirect(302, stranger.URL+"/back"))
	stranger.Always("/back", upstream.Redirect(302, home.URL+"/f"))
	home.Always("/user", upstream.Redirect(302, strings.Replace(stranger.URL, "//", "//x:y@", 1)+"/f"))
	for _, c := range []struct {
		url  string
		at   *upstream.Server
		safe bool // nothing may have come along
	}{
		{home.URL + "/f", home, false},
		{home.URL + "/near", home, false},
		{home.URL + "/away?q=secret", stranger, true},
		{home.URL + "/named", home, true},
		{home.URL + "/bounce", home, true},
		{home.URL + "/user", stranger, true},
		{stranger.URL + "/f", stranger, true},
	} {
		for _, way := range []string{"row", "caller"} {
			client := w.client(home.URL, w.login("ann", "password"), headers(token))
			own := http.Header{}
			if way == "caller" {
				own = http.Header{"Authorization": {"Bearer b"}, "Cookie": {"c"}, "X-Token": {"own"}, "Accept": {"text/plain"}}
				if c.url == stranger.URL+"/f" {
					continue // who calls says where to
				}
			}
			open, err := client.Do(t.Context(), http.MethodGet, c.url, own, nil)
			must(t, err)
			must(t, open.Body.Close())
			asked := c.at.Requests("/f")
			sent := asked[len(asked)-1].Header
			carried := sent.Get("Authorization") + sent.Get("Cookie") + sent.Get("X-Token") + sent.Get("X-Many")
			if c.safe != (carried == "") {
				t.Errorf("%s, %s: carried %q", c.url, way, sent)
			}
			if sent.Get("Referer") != "" {
				t.Errorf("%s: the referrer tells %q", c.url, sent.Get("Referer"))
			}
			if way == "caller" && sent.Get("Accept") != "text/plain" {
				t.Errorf("%s: what is harmless was lost: %q", c.url, sent)
			}
		}
	}
}

func TestManyRedirects(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	for i := range 11 {
		up.Always(fmt.Sprintf("/%d", i), upstream.Redirect(302, fmt.Sprintf("/%d", i+1)))
	}
	up.Set("/11", []byte("x"))
	must(t, w.download(w.client(up.URL), want(up.URL+"/1", []byte("x"))))
	wantFault(t, w.download(w.client(up.URL), want(up.URL+"/0", []byte("x"))), "PLP0027", errs.Invalid, "more than 10 times")
	up.Always("/a", upstream.Redirect(302, "/b"))
	up.Always("/b", upstream.Redirect(302, "/a"))
	wantFault(t, w.download(w.client(up.URL), want(up.URL+"/a", []byte("x"))), "PLP0027", errs.Invalid, "circle", up.URL+"/a")
}

// The addresses of this machine are out of reach: as written, by name, and by redirect.
func TestEgress(t *testing.T) {
	t.Parallel()
	up := upstream.New(t)
	up.Set("/f", []byte("x"))
	where, err := url.Parse(up.URL)
	must(t, err)
	closed := newWorld(t, func(o *remote.Options) { o.Egress = nil })
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"} {
		file := remote.Want{URL: "http://" + host + ":" + where.Port() + "/f"}
		wantFault(t, closed.download(closed.client(file.URL), file), "PLP0027", errs.Forbidden, "egress.allow", "http://")
		_, err := closed.client(file.URL).HTTP().Do(get(t, file.URL))
		wantFault(t, remote.Explain(t.Context(), file.URL, err), "PLP0027", errs.Forbidden, "egress.allow")
	}
	if up.Total() != 0 {
		t.Error("the upstream was reached")
	}
	named := newWorld(t, func(o *remote.Options) { o.Egress = []string{"localhost"} })
	file := want("http://localhost:"+where.Port()+"/f", []byte("x"))
	must(t, named.download(named.client(file.URL), file))
	file.URL = up.URL + "/f"
	wantFault(t, named.download(named.client(file.URL), file), "PLP0027", errs.Forbidden, "loopback")
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for address, code := range map[string]string{"ftp://example.org/f": "PLP0009", "gopher:x": "PLP0009", "": "PLP0009", "f": "PLP0009",
		"http://": "PLP0027", "http://\x00": "PLP0027", "http://ann:secret@127.0.0.1/": "PLP0027", "file:///etc/passwd": "PLP0009"} {
		err := w.download(w.client(address), remote.Want{URL: address})
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != code || len(w.clock.waits()) > 0 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
	err := w.download(w.client("http://packhouse.invalid/"), remote.Want{URL: "http://packhouse.invalid/f"})
	wantFault(t, err, "PLP0008", errs.Unavailable, "packhouse.invalid")
}

// A row that cannot be used says so before anything is asked.
func TestBadRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	up := upstream.New(t, upstream.ClientCerts())
	cert, key := string(up.ClientCert), w.seal("client_key", string(up.ClientKey))
	for name, c := range map[string]struct {
		change func(*model.Remote)
		says   string
	}{
		"ca":               {func(r *model.Remote) { r.CACert = ptr("no certificate") }, "ca_cert"},
		"cert alone":       {func(r *model.Remote) { r.ClientCert = &cert }, "client_key"},
		"key alone":        {func(r *model.Remote) { r.ClientKey = key }, "client_cert"},
		"pair":             {func(r *model.Remote) { r.ClientCert, r.ClientKey = ptr(string(up.CA)), key }, "belong"},
		"proxy":            {func(r *model.Remote) { r.ProxyURL = ptr("ftp://p") }, "proxy_url"},
		"proxy user":       {func(r *model.Remote) { r.ProxyURL = ptr("http://u:p@p") }, "proxy_url"},
		"headers":          {headers(`{"a":1}`), "headers"},
		"header name":      {headers(`[{"a b":"1"}]`), `"a b"`},
		"header value":     {headers(`[{"a":"secret\r\nB: 1"}]`), `"a"`},
		"another purpose":  {func(r *model.Remote) { r.Username = w.seal("password", "x") }, "core.remote.username"},
		"nonsense as seal": {func(r *model.Remote) { r.Password = []byte("secret") }, "core.remote.password"},
	} {
		_, err := w.Client(row("http://example.org", c.change))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret\r") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := remote.New(remote.Options{}).Client(row("http://example.org", w.login("a", "b"))); err == nil {
		t.Error("secrets were opened without a key")
	}
}
