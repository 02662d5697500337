package gitsource

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/secret"
)

// small is a repository with one file.
func small(t *testing.T) *work {
	w := newWork(t)
	w.save("f", noise(1, 1<<20))
	return w
}

func TestStages(t *testing.T) {
	t.Parallel()
	w := small(t)
	for _, url := range []string{w.serve(nil), w.local()} {
		o := options(t, url, "")
		var stages []Stage
		o.Begin = func(s Stage) { stages = append(stages, s) }
		fetched(t, o)
		if len(stages) != 3 || stages[0] != Cloning || stages[1] != ResolvingRef || stages[2] != ParsingTree {
			t.Errorf("the stages were %v", stages)
		}
	}
}

// locked lets in those with a name and password, and their headers.
func locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user == "":
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, strings.Repeat("secret", 1<<20), http.StatusUnauthorized)
		case user != "u" || password != "p:w d":
			http.Error(w, "no", http.StatusForbidden)
		case r.Header.Get("X-Tenant") != "t":
			http.Error(w, "no tenant", http.StatusBadRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// asRemote gives the client of a remote with user, password and header.
func asRemote(t *testing.T, url, user, password string) *http.Client {
	t.Helper()
	box, err := secret.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	seal := func(column, plain string) []byte {
		sealed, err := box.Seal(remote.Purpose(column), []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	row := &model.Remote{Base: model.NewBase(ident.DefaultDomain), Name: "r", URL: url, TLSValidation: true, Headers: model.JSON(`[{"X-Tenant":"t"}]`)}
	if user != "" {
		row.Username, row.Password = seal("username", user), seal("password", password)
	}
	client, err := remote.New(remote.Options{Box: box, Egress: []string{"127.0.0.1"}}).Client(row)
	if err != nil {
		t.Fatal(err)
	}
	return client.HTTP()
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	url := small(t).serve(locked)
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		o := options(t, url, "")
		o.HTTP = asRemote(t, url, "u", "p:w d")
		fetched(t, o)
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		o := options(t, url, "")
		o.HTTP = asRemote(t, url, "", "")
		if err := refusedWith(t, o, "wants credentials, or others than it got (401)"); !errs.Is(err, errs.Forbidden) || len(err.Error()) > 1000 {
			t.Errorf("the error is %v (%s)", err, errs.KindOf(err))
		}
	})
	t.Run("wrong", func(t *testing.T) {
		t.Parallel()
		o := options(t, url, "")
		o.HTTP = asRemote(t, url, "u", "other-secret")
		if err := refusedWith(t, o, "lets nobody in with these credentials (403)"); strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is told: %v", err)
		}
	})
	t.Run("in the URL", func(t *testing.T) {
		t.Parallel()
		if err := refusedWith(t, options(t, strings.Replace(url, "://", "://u:secret@", 1), ""), "has credentials in it"); strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is told: %v", err)
		}
	})
	t.Run("not allowed out", func(t *testing.T) {
		t.Parallel()
		o := options(t, "http://169.254.169.254/r.git", "")
		o.HTTP = asRemote(t, o.URL, "u", "p")
		if err := refusedWith(t, o, "egress.allow"); !errs.Is(err, errs.Forbidden) {
			t.Errorf("the error is %v (%s)", err, errs.KindOf(err))
		}
	})
}

// A redirect is followed, also to another server, but credentials and headers stay at home.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var leaked atomic.Int64
	other := small(t).serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("X-Tenant") != "" || r.Header.Get("Cookie") != "" {
				leaked.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	to := func(url string, handler http.Handler) Options {
		if handler != nil {
			url = listen(t, handler)
		}
		o := options(t, url, "")
		o.HTTP = asRemote(t, url, "u", "p")
		return o
	}
	fetched(t, to("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "u" || r.Header.Get("X-Tenant") != "t" {
			t.Error("the credentials did not come to the server that they are for")
		}
		http.Redirect(w, r, strings.TrimSuffix(other, "/work")+r.URL.String(), http.StatusFound)
	})))
	if leaked.Load() > 0 {
		t.Error("credentials or headers went to another server")
	}
	_ = refusedWith(t, to("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) })), "redirects in a circle")
	_ = refusedWith(t, to("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
		w.Header().Set("Content-Type", advertisement)
	})), "/login, which is no git repository")
}

// answering gives that answer to everything.
func answering(status int, kind, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have left
	})
}

func TestServersThatAreNone(t *testing.T) {
	t.Parallel()
	sha256 := newWork(t, "--object-format=sha256")
	sha256.save("f", "x")
	table := map[string]struct {
		url   string
		kind  errs.Kind
		code  string
		words string
	}{
		"a web page":         {listen(t, answering(200, "text/html", "<html>")), errs.Invalid, "PLP0025", "this is no git repository with smart HTTP"},
		"a folder of files":  {listen(t, answering(200, "text/plain", strings.Repeat("1", 40)+"\trefs/heads/main\n")), errs.Invalid, "PLP0025", "smart HTTP"},
		"nothing there":      {listen(t, http.NotFoundHandler()), errs.NotFound, "PLP0025", "does not exist (404)"},
		"not now":            {listen(t, answering(503, "", "")), errs.Unavailable, "PLP0025", "503 Service Unavailable; try again later"},
		"too much":           {listen(t, answering(429, "", "")), errs.Unavailable, "PLP0025", "429"},
		"another status":     {listen(t, answering(204, "", "")), errs.Invalid, "PLP0025", "204"},
		"no answer":          {closed(t), errs.Unavailable, "PLP0027", "the connection failed"},
		"garbage":            {listen(t, answering(200, advertisement, "garbage")), errs.Invalid, "", "list of refs from the server cannot be read"},
		"an empty answer":    {listen(t, answering(200, advertisement, "")), errs.Invalid, "", "list of refs"},
		"an error":           {listen(t, answering(200, advertisement, "0012ERR go \x1baway!!")), errs.Invalid, "", "the server says: go  away!!"},
		"SHA-256":            {sha256.serve(nil), errs.Invalid, "", "SHA-256, which is not supported"},
		"SHA-256 on disk":    {sha256.local(), errs.Invalid, "", "sha256, which is not supported"},
		"ssh":                {"ssh://git@example.org/r.git", errs.Invalid, "PLP0009", "not ssh (ssh://example.org/r.git)"},
		"the git protocol":   {"git://example.org/r.git", errs.Invalid, "PLP0009", "not git"},
		"a path":             {"/srv/r.git", errs.Invalid, "PLP0009", "not a URL without scheme"},
		"the short form":     {"git@example.org:r.git", errs.Invalid, "", "write it as https://"},
		"no host":            {"https:///r.git", errs.Invalid, "", "names no host"},
		"another machine":    {"file://example.org/r.git", errs.Invalid, "", "no absolute path on this machine"},
		"an empty path":      {"file://", errs.Invalid, "", "no absolute path on this machine"},
		"no folder there":    {"file://" + t.TempDir() + "/r.git", errs.NotFound, "", "no git repository in that folder"},
		"no repository":      {"file://" + t.TempDir(), errs.NotFound, "", "no git repository in that folder"},
		"below a repository": {"file://" + small(t).dir + "/f", errs.Invalid, "", "cannot be opened"},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := refusedWith(t, options(t, row.url, ""), row.words)
			var e *errs.Error
			if !errors.As(err, &e) || e.Kind != row.kind || e.Code != row.code {
				t.Errorf("the error is %v (%s, %q); want %s, %q", err, e.Kind, e.Code, row.kind, row.code)
			}
		})
	}
}

// closed is an address where nobody listens.
func closed(t *testing.T) string {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL + "/work"
}

// afterSome lets that many bytes of a pack through before it does something else.
func afterSome(bytes int, then func(http.ResponseWriter, *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				next.ServeHTTP(w, r)
				return
			}
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, r)
			w.Header().Set("Content-Type", packResult)
			_, _ = w.Write(recorded.Body.Bytes()[:min(bytes, recorded.Body.Len())]) // the client may have left
			_ = http.NewResponseController(w).Flush()
			then(w, r)
		})
	}
}

func TestPacksThatEndEarly(t *testing.T) {
	t.Parallel()
	w := small(t)
	for name, then := range map[string]func(http.ResponseWriter, *http.Request){
		"the answer just ends":     func(http.ResponseWriter, *http.Request) {},
		"the connection is broken": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, bytes := range []int{0, 3, 30, 60, 100, 100_000, 1_000_000} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if err := refusedWith(t, options(t, w.serve(afterSome(bytes, then)), "")); !errs.Is(err, errs.Unavailable) {
					t.Errorf("after %d bytes the error is %v (%s)", bytes, err, errs.KindOf(err))
				}
			})
		}
	}
	t.Run("the server gives up", func(t *testing.T) {
		t.Parallel()
		url := w.serve(afterSome(0, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "0034shallow "+strings.Repeat("1", 40)+"00000008NAK\n0011\x03out of mem\n\n0000") // the client is there
		}))
		_ = refusedWith(t, options(t, url, ""), "out of mem")
	})
}

// A server that does not go on is left as soon as somebody wants to stop.
func TestServersThatStall(t *testing.T) {
	t.Parallel()
	w := small(t)
	for _, bytes := range []int{0, 60, 100_000} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			stalled := make(chan struct{})
			url := w.serve(afterSome(bytes, func(_ http.ResponseWriter, r *http.Request) {
				close(stalled)
				<-r.Context().Done()
			}))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			why := errors.New("the task was canceled")
			go func() {
				<-stalled
				cancel(why)
			}()
			o := options(t, url, "")
			if _, err := Fetch(ctx, o); !errs.Is(err, errs.Canceled) || !errors.Is(err, why) {
				t.Errorf("the error is %v (%s)", err, errs.KindOf(err))
			}
			empty(t, o.Dir)
		})
	}
}

// Servers that can do little still do.
func TestServersThatCanDoLittle(t *testing.T) {
	t.Parallel()
	for _, without := range []string{"shallow", "side-band-64k", "side-band-64k side-band", "ofs-delta", "multi_ack_detailed", "multi_ack_detailed multi_ack", "no-progress"} {
		t.Run(without, func(t *testing.T) {
			t.Parallel()
			w := similarFiles(t)
			url := w.serve(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						next.ServeHTTP(w, r)
						return
					}
					recorded := httptest.NewRecorder()
					next.ServeHTTP(recorded, r)
					text := recorded.Body.String()
					for word := range strings.FieldsSeq(without) { // as long as before: lines say how long they are
						text = strings.Replace(text, " "+word+" ", " "+strings.Repeat("x", len(word))+" ", 1)
					}
					w.Header().Set("Content-Type", advertisement)
					_, _ = io.WriteString(w, text) // the client may have left
				})
			})
			has(t, fetched(t, options(t, url, "")), map[string]string{"f": w.git("show", "HEAD:f") + "\n"})
		})
	}
}

func TestFoldersThatAreNotAllowed(t *testing.T) {
	t.Parallel()
	w := small(t)
	o := options(t, w.local(), "")
	o.Allowed = nil
	_ = refusedWith(t, o, "file:// is not allowed here")
	var asked []string
	o.Allowed = func(path string) error {
		asked = append(asked, path)
		return errs.New(errs.Forbidden, "not that folder")
	}
	if err := refusedWith(t, o, "not that folder"); !errs.Is(err, errs.Forbidden) || len(asked) != 1 || asked[0] != w.dir {
		t.Errorf("%v was asked for, and the error is %v", asked, err)
	}
}
