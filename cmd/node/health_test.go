package node

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
)

// TestHealthOfServe: a load balancer needs no password, and fills no log.
func TestHealthOfServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := dir + "/access.log"
	n := start(t, Serve, append(embeddedIn(dir), "PACKHOUSE_ACCESS_LOG_FILE="+path, "PACKHOUSE_ACCESS_LOG_FORMAT=common")...)
	for target, want := range map[string]string{"/livez": `{"alive":true}`, "/readyz": `{"ready":true}`} {
		for _, method := range []string{"GET", "HEAD"} {
			if status, text := n.ask(method, n.URL()+target, "", nil); status != http.StatusOK || method == "GET" && text != want {
				t.Errorf("%s %s is answered with %d %s", method, target, status, text)
			}
		}
	}
	if status, _ := n.ask("GET", n.URL()+"/pulp/api/v3/status/?secret=1", "", nil); status != http.StatusOK {
		t.Errorf("the status is answered with %d", status)
	}
	if status, _ := n.call("GET", "/pulp/api/v3/users/", nil); status != http.StatusOK {
		t.Errorf("users are answered with %d", status)
	}
	n.ask("GET", n.URL()+"/pulp/content/none?secret=1", "", nil)
	n.ask("GET", n.URL()+"/pulp/api/v3/none/?secret=1", "", nil)
	if err := os.Rename(dir+"/media", dir+"/away"); err != nil {
		t.Fatal(err)
	}
	n.until("the storage is missed", func() bool {
		status, text := n.ask("GET", n.URL()+"/readyz", "", nil)
		return status == http.StatusServiceUnavailable && text == `{"ready":false,"wrong":["storage"]}`
	})
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := n.ReopenAccessLog(); err != nil {
		t.Fatal(err)
	}
	n.ask("GET", n.URL()+"/pulp/content/", "", nil)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path + ".1")
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{` - - [`, `"GET /pulp/api/v3/status/ HTTP/1.1" 200 `, `127.0.0.1 - admin [`, `"GET /pulp/api/v3/users/ HTTP/1.1" 200`, `"GET /pulp/content/none HTTP/1.1" 404`, `"GET /pulp/api/v3/none/ HTTP/1.1" 404`} {
		if !strings.Contains(string(before), want) {
			t.Errorf("no line has %s:\n%s", want, before)
		}
	}
	if all := string(before) + string(after); strings.Contains(all, "secret") || strings.Contains(all, "readyz") || strings.Count(string(after), "\n") != 1 {
		t.Errorf("the access log is\n%s", all)
	}
}

// TestHealthOfTheRoles: every process tells it, a worker beside its metrics; a Redis that is away is only named.
func TestHealthOfTheRoles(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	setUp(t, false, environ...)
	database, redis := relayTo(t, environ, "PACKHOUSE_DATABASE__URL="), relayTo(t, environ, "PACKHOUSE_REDIS_URL=")
	api, content := start(t, API, environ...), start(t, Content, environ...)
	worker := start(t, Worker, append(environ[:len(environ):len(environ)], "PACKHOUSE_METRICS_LISTEN=127.0.0.1:0")...)
	roles := map[string]string{"api": api.URL(), "content": content.URL(), "worker": strings.TrimSuffix(worker.MetricsURL(), "/metrics")}
	expect := func(status int, want, ofContent string) {
		t.Helper()
		for mode, url := range roles {
			want := want
			if mode == "content" {
				want = ofContent
			}
			api.until("the "+mode+" answers "+want, func() bool {
				got, text := api.ask("GET", url+"/readyz", "", nil)
				return got == status && text == want
			})
			if got, text := api.ask("GET", url+"/livez", "", nil); got != http.StatusOK || text != `{"alive":true}` {
				t.Errorf("the %s answers %d %s", mode, got, text)
			}
		}
	}
	expect(http.StatusOK, `{"ready":true}`, `{"ready":true}`)
	redis.cut(true)
	expect(http.StatusOK, `{"ready":true,"impaired":["redis"]}`, `{"ready":true}`)
	database.cut(true)
	expect(http.StatusServiceUnavailable, `{"ready":false,"wrong":["database"],"impaired":["redis"]}`, `{"ready":false,"wrong":["database"]}`)
	database.cut(false)
	redis.cut(false)
	expect(http.StatusOK, `{"ready":true}`, `{"ready":true}`)
}

// TestRedisMayComeLater: an API and a worker start without it, and tasks run. When it comes, wake-ups come through it.
func TestRedisMayComeLater(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	setUp(t, false, environ...)
	redis := relayTo(t, environ, "PACKHOUSE_REDIS_URL=")
	redis.cut(true)
	api := start(t, API, environ...)
	worker := start(t, Worker, append(environ[:len(environ):len(environ)], "PACKHOUSE_METRICS_LISTEN=127.0.0.1:0")...)
	health := strings.TrimSuffix(worker.MetricsURL(), "/metrics") + "/readyz"
	until := func(want string) {
		t.Helper()
		for _, url := range []string{api.URL() + "/readyz", health} {
			api.until(url+" answers "+want, func() bool {
				status, text := api.ask("GET", url, "", nil)
				return status == http.StatusOK && text == want
			})
		}
	}
	until(`{"ready":true,"impaired":["redis"]}`)
	api.done("POST", "/pulp/api/v3/orphans/cleanup/", nil)
	redis.cut(false)
	until(`{"ready":true}`)
	api.until("a wake-up came through Redis", func() bool {
		api.done("POST", "/pulp/api/v3/orphans/cleanup/", nil)
		_, text := api.ask("GET", worker.MetricsURL(), "", nil)
		return strings.Contains(text, `by="redis"`)
	})
}

// relay passes connections on to a server until it is cut.
type relay struct {
	net.Listener
	to   string
	mu   sync.Mutex
	off  bool
	open map[net.Conn]bool
}

// relayTo puts a relay before the server that a variable names.
func relayTo(t *testing.T, environ []string, variable string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &relay{Listener: listener, open: map[net.Conn]bool{}}
	for i, text := range environ {
		if address, found := strings.CutPrefix(text, variable); found {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			r.to, u.Host = u.Host, listener.Addr().String()
			environ[i] = variable + u.String()
		}
	}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go r.pass(from)
		}
	}()
	return r
}

func (r *relay) pass(from net.Conn) {
	to, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = from.Close()
		return
	}
	r.mu.Lock()
	r.open[from], r.open[to] = true, true
	off := r.off
	r.mu.Unlock()
	closeBoth := func() { _, _ = from.Close(), to.Close() }
	if off {
		closeBoth()
	}
	go func() {
		_, _ = io.Copy(to, from)
		closeBoth()
	}()
	_, _ = io.Copy(from, to)
	closeBoth()
}

// cut ends all connections, and new ones at once, or lets them pass again.
func (r *relay) cut(off bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = off
	for conn := range r.open {
		if off {
			_ = conn.Close()
		}
	}
	if off {
		clear(r.open)
	}
}
