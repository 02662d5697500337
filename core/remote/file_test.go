package remote_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/remote"
)

// tree makes folders in and out of what may be imported, with links that lead both ways.
func tree(t *testing.T) (in, other, out string) {
	t.Helper()
	top := t.TempDir()
	in, other, out = filepath.Join(top, "in"), filepath.Join(top, "other"), filepath.Join(top, "out")
	for _, folder := range []string{in, other, out, filepath.Join(in, "sub")} {
		must(t, os.Mkdir(folder, 0o700))
		must(t, os.WriteFile(filepath.Join(folder, "a b.txt"), []byte("in "+filepath.Base(folder)), 0o600))
	}
	for link, to := range map[string]string{"leak": filepath.Join(out, "a b.txt"), "leakdir": out, "dangling": filepath.Join(out, "later"),
		"near": "sub/a b.txt", "far": filepath.Join(other, "a b.txt")} {
		must(t, os.Symlink(to, filepath.Join(in, link)))
	}
	must(t, os.Symlink(in, filepath.Join(out, "into")))
	must(t, syscall.Mkfifo(filepath.Join(in, "pipe"), 0o600))
	return in, other, out
}

func TestFiles(t *testing.T) {
	t.Parallel()
	in, other, out := tree(t)
	w := newWorld(t, func(o *remote.Options) { o.ImportPaths = []string{in, other + "/", filepath.Join(out, "missing")} })
	for url, c := range map[string]struct {
		text    string // empty is refused
		checked bool   // a remote may have this URL
		code    string
	}{
		in + "/a%20b.txt":                 {"in in", true, ""},
		in + "/sub/a%20b.txt":             {"in sub", true, ""},
		in + "/sub/../a%20b.txt":          {"in in", true, ""},
		in + "/near":                      {"in sub", true, ""},
		in + "/far":                       {"in other", true, ""},
		other + "/a%20b.txt":              {"in other", true, ""},
		out + "/into/a%20b.txt":           {"in in", true, ""},
		out + "/a%20b.txt":                {"", false, "PLP0009"},
		in + "/../out/a%20b.txt":          {"", false, "PLP0009"},
		in + "/%2e%2e/out/a%20b.txt":      {"", false, "PLP0009"},
		in + "2/a":                        {"", false, "PLP0009"},
		in + "/leak":                      {"", false, "PLP0009"},
		in + "/leakdir/a%20b.txt":         {"", false, "PLP0009"},
		in + "/dangling":                  {"", false, "PLP0009"},
		in + "/a%20b.txt?x":               {"", false, "PLP0009"},
		in + "/%00":                       {"", false, "PLP0009"},
		"/etc/passwd":                     {"", false, "PLP0009"},
		"relative":                        {"", false, "PLP0009"},
		in + "/missing/PULP_MANIFEST":     {"", true, "PLP0025"},
		in + "/sub":                       {"", true, "PLP0025"},
		in + "/pipe":                      {"", true, "PLP0025"},
		filepath.Join(out, "missing/now"): {"", true, "PLP0025"},
	} {
		url = "file://" + url
		if err := remote.CheckURL(url, w.o.ImportPaths); (err == nil) != c.checked || err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("check of %s: %v", url, err)
		}
		text, err := w.read(w.client(url), url)
		if c.text != "" {
			if err != nil || text != c.text {
				t.Errorf("%s: %q, %v", url, text, err)
			}
			continue
		}
		kind := errs.Forbidden
		if c.code == "PLP0025" {
			kind = errs.Invalid
		}
		wantFault(t, err, c.code, kind)
	}
	if len(w.clock.waits()) > 0 {
		t.Error("a file was tried again")
	}
	body := []byte("in in")
	must(t, w.download(w.client("file://"+in), want("file://"+in+"/a%20b.txt", body)))
	wantFault(t, w.download(w.client("file://"+in), want("file://"+in+"/a%20b.txt", []byte("other"))), "PLP0003", errs.Invalid)
	_, err := w.client("file://"+in).Do(t.Context(), "PUT", "file://"+in+"/a%20b.txt", nil, nil)
	wantFault(t, err, "PLP0009", errs.Invalid)
}

// Nothing is allowed where nothing was set.
func TestNoFiles(t *testing.T) {
	t.Parallel()
	if remote.CheckURL("file:///etc/hostname", nil) == nil {
		t.Error("a file is allowed")
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"https://mirror.example.org/PULP_MANIFEST": true, "http://10.0.0.1:8080": true, "http://[::1]/": true,
		"https://ann:secret@mirror.example.org/": false, "https://ann@mirror.example.org/": false, "ftp://a/": false, "a/b": false,
		"": false, "http://": false, "http:x": false, "http:///a": false, "http://a b/": false, "file://host/a": false,
	} {
		if err := remote.CheckURL(url, []string{"/"}); (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
	}
}
