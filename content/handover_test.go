package content

import (
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
)

// behind runs a server whose peers are web servers that files are handed over to, over a storage in a folder with a name
// that has to be escaped.
func behind(t *testing.T, to string, trusted ...string) *site {
	t.Helper()
	root := filepath.Join(t.TempDir(), "me dia%")
	store, err := fs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	proxies, err := auth.ParseProxies(trusted)
	if err != nil {
		t.Fatal(err)
	}
	age := 300
	s := start(t, store, func(o *Options) { o.HandOver, o.Proxies, o.MaxAge = HandOver{To: to, Root: root}, proxies, &age })
	s.dir = root
	return s
}

// askFrom asks as a web server does that sends files itself.
func (s *site) askFrom(server, method, path string, h headers) *answer {
	s.t.Helper()
	all := headers{"X-Sendfile-Type": map[string]string{HandOverToNginx: "X-Accel-Redirect", HandOverToApache: "X-Sendfile"}[server]}
	maps.Copy(all, h)
	return s.ask(method, path, all)
}

// handed is the file that an answer hands over; empty when it hands over none.
func handed(a *answer) string { return a.Header.Get("X-Accel-Redirect") + a.Header.Get("X-Sendfile") }

func TestFilesAreHandedOver(t *testing.T) {
	t.Parallel()
	for _, to := range []string{HandOverToNginx, HandOverToApache} {
		s := behind(t, to, "127.0.0.0/8")
		a := s.add("f.rpm", "text")
		want := MediaPrefix + a.File
		if to == HandOverToApache {
			want = strings.NewReplacer("%", "%25", " ", "%20").Replace(s.dir) + "/" + a.File
		}
		for _, h := range []headers{nil, {"If-None-Match": `"other"`}, {"Range": "bytes=1-2"}, {"Range": "bytes=-1", "If-Range": etagOf("text")}} {
			got := s.askFrom(to, "GET", prefix+"f.rpm", h)
			if handed(got) != want || got.StatusCode != 200 || len(got.body) != 0 || got.ContentLength != 0 {
				t.Errorf("%s, %v: %d %v %q", to, h, got.StatusCode, got.Header, got.body)
			}
			for name, want := range map[string]string{
				"ETag": etagOf("text"), "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "Content-Type": "application/x-rpm", "X-PULP-ARTIFACT-SIZE": "4",
				"X-Content-Type-Options": "nosniff", "Repr-Digest": "sha-256=:mC2ePrmW9VnmM/TRlN7zdh2Qn1o7ZH0ahR/q1nwyydE=:",
			} {
				if got.Header.Get(name) != want {
					t.Errorf("%s, %v: %s is %q, want %q", to, h, name, got.Header.Get(name), want)
				}
			}
			if (got.Header.Get("Accept-Ranges") == "") != (to == HandOverToNginx && h["Range"] == "") {
				t.Errorf("%s: %v", to, got.Header)
			}
		}
		line := <-s.lines
		if line["status"] != int64(200) || line["bytes"] != int64(0) {
			t.Errorf("the access log says %v", line)
		}
	}
}

// TestWhatIsNotHandedOver: everything that a web server would answer in another way than we do.
func TestWhatIsNotHandedOver(t *testing.T) {
	t.Parallel()
	for _, to := range []string{HandOverToNginx, HandOverToApache} {
		s := behind(t, to, "127.0.0.1")
		s.add("f", "0123456789")
		s.add("empty", "")
		cases := []struct {
			method, path string
			headers      headers
			status       int
			body         string
		}{
			{"HEAD", "f", nil, 200, ""},
			{"GET", "empty", nil, 200, ""},
			{"GET", "f", headers{"If-None-Match": etagOf("0123456789")}, 304, ""},
			{"GET", "f", headers{"If-Match": etagOf("0123456789")}, 200, "0123456789"},
			{"GET", "f", headers{"If-Match": `"x"`}, 412, "the file is not the one that your request is about\n"},
			{"GET", "f", headers{"If-Unmodified-Since": "Sun, 04 Jan 2026 00:00:00 GMT"}, 200, "0123456789"},
			{"GET", "f", headers{"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}, 200, "0123456789"},
			{"GET", "f", headers{"Range": "bytes=5-2"}, 200, "0123456789"},
			{"GET", "f", headers{"Range": "lines=1-2"}, 200, "0123456789"},
			{"GET", "f", headers{"Range": "bytes=1-2,99-"}, 206, "12"},
			{"GET", "f", headers{"Range": "bytes= 1-2"}, 206, "12"},
			{"GET", "f", headers{"Range": "bytes=8-99999999999999999999"}, 206, "89"},
			{"GET", "f", headers{"Range": "bytes=10-"}, 416, "the file has no such bytes\n"},
			{"GET", "f", headers{"Range": "bytes=1-2", "If-Range": `"x"`}, 200, "0123456789"},
			{"GET", "away", nil, 503, "the database is away, try again in a moment\n"},
		}
		for _, c := range cases {
			got := s.askFrom(to, c.method, prefix+c.path, c.headers)
			if handed(got) != "" || got.StatusCode != c.status || string(got.body) != c.body {
				t.Errorf("%s: %s %s %v is %d %v %q", to, c.method, c.path, c.headers, got.StatusCode, got.Header, got.body)
			}
		}
	}
}

// TestFilesAreHandedOverToTrustedProxiesOnly, for nobody else shall see where they lie.
func TestFilesAreHandedOverToTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"", HandOverToNobody, HandOverToNginx, HandOverToApache} {
		s := behind(t, to, "127.0.0.2", "10.0.0.0/8")
		s.add("f", "text")
		for _, h := range []headers{nil, {"X-Forwarded-For": "127.0.0.2"}} {
			if got := s.askFrom(to, "GET", prefix+"f", h); handed(got) != "" || string(got.body) != "text" {
				t.Errorf("%q: %v %q", to, got.Header, got.body)
			}
		}
	}
}

// TestFilesAreHandedOverToWhoSendsThem: others that come from the same host get the bytes.
func TestFilesAreHandedOverToWhoSendsThem(t *testing.T) {
	t.Parallel()
	for to, others := range map[string][]headers{
		HandOverToNginx:  {nil, {"X-Sendfile-Type": "X-Sendfile"}, {"X-Sendfile-Type": ""}},
		HandOverToApache: {nil, {"X-Sendfile-Type": "X-Accel-Redirect"}, {"X-Sendfile-Type": "X-Sendfile, X-Sendfile"}},
	} {
		s := behind(t, to, "127.0.0.1")
		s.add("f", "text")
		for _, h := range others {
			if got := s.ask("GET", prefix+"f", h); handed(got) != "" || string(got.body) != "text" {
				t.Errorf("%s, %v: %v %q", to, h, got.Header, got.body)
			}
		}
	}
}

// TestTimesOfKeepingAreForFiles: nginx keeps Cache-Control for its own answer when it cannot read the file.
func TestTimesOfKeepingAreForFiles(t *testing.T) {
	t.Parallel()
	for to, want := range map[string][2]string{HandOverToNginx: {"", "max-age=300"}, HandOverToApache: {"max-age=300", ""}} {
		s := behind(t, to, "127.0.0.1")
		s.add("f", "text")
		got := s.askFrom(to, "GET", prefix+"f", nil)
		if told := [2]string{got.Header.Get("Cache-Control"), got.Header.Get("X-Packhouse-Cache-Control")}; handed(got) == "" || told != want {
			t.Errorf("%s: %v", to, got.Header)
		}
	}
}

// TestFilesElsewhereAreNotHandedOver: the web server may read one folder, and no folder that only begins like it.
func TestFilesElsewhereAreNotHandedOver(t *testing.T) {
	t.Parallel()
	everywhere := func(o *Options) {
		o.Proxies, _ = auth.ParseProxies([]string{netip.MustParseAddr("127.0.0.1").String()})
	}
	root := t.TempDir()
	store, err := fs.New(root + "/media")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for at, want := range map[string]string{"/med": "", "/media": "a", "/media/artifact": "a", "/media/tmp": "", "": "a"} {
		s := start(t, store, func(o *Options) { everywhere(o); o.HandOver = HandOver{HandOverToNginx, root + at} })
		a := s.add("f", "text")
		if want != "" {
			rel, err := filepath.Rel(root+at, root+"/media/"+a.File)
			if err != nil {
				t.Fatal(err)
			}
			want = MediaPrefix + rel
		}
		if got := handed(s.askFrom(HandOverToNginx, "GET", prefix+"f", nil)); got != want {
			t.Errorf("below %s it is handed over as %q, want %q", at, got, want)
		}
	}
	s := start(t, newRemote(), func(o *Options) { everywhere(o); o.HandOver = HandOver{HandOverToNginx, "/"} })
	s.add("f", "text")
	if got := s.askFrom(HandOverToNginx, "GET", prefix+"f", nil); handed(got) != "" || string(got.body) != "text" {
		t.Errorf("of a storage without files: %v %q", got.Header, got.body)
	}
}

// TestDamagedFilesAreNotHandedOver: the web server would send whatever is there.
func TestDamagedFilesAreNotHandedOver(t *testing.T) {
	t.Parallel()
	s := behind(t, HandOverToNginx, "127.0.0.1")
	for name, damage := range map[string]func(path string) error{
		"longer": func(path string) error { return os.WriteFile(path, []byte("longer"), 0o600) },
		"gone":   os.Remove,
		"folder": func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
		"link":   func(path string) error { _ = os.Remove(path); return os.Symlink("/etc/passwd", path) },
	} {
		a := s.add(name, name)
		if err := damage(filepath.Join(s.dir, a.File)); err != nil {
			t.Fatal(err)
		}
		if name == "longer" {
			a.Size--
		}
		if got := s.askFrom(HandOverToNginx, "GET", prefix+name, nil); handed(got) != "" || got.StatusCode != 500 {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
	}
}

func TestHandOverMakesSense(t *testing.T) {
	t.Parallel()
	for _, h := range []HandOver{{"lighttpd", "/srv"}, {HandOverToNginx, ""}, {HandOverToNginx, "media"}, {HandOverToApache, "/srv/"}, {HandOverToApache, "/srv/../x"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is taken", h)
				}
			}()
			New(Options{Resolver: offers{}, Prefix: prefix, Log: slog.New(slog.DiscardHandler), HandOver: h, Storage: func(*model.Domain) (storage.Storage, error) { return nil, nil }})
		}()
	}
}
