package serve

import (
	"net/url"
	"strings"
	"testing"
)

// beside is how plugins whose remotes name a file of metadata say where the others are.
func beside(remoteURL string) (string, error) {
	return remoteURL[:strings.LastIndexByte(remoteURL, '/')+1], nil
}

// TestPullURL: a path becomes a URL below that of the remote, and what could be another path for somebody becomes none.
func TestPullURL(t *testing.T) {
	t.Parallel()
	here, besides := &PullThrough{}, &PullThrough{Folder: beside}
	for _, c := range []struct {
		kind             *PullThrough
		remote, path, to string
	}{
		{here, "https://up.example/pool", "a/b.txt", "https://up.example/pool/a/b.txt"},
		{here, "https://up.example/pool/", "a", "https://up.example/pool/a"},
		{here, "https://up.example", "a", "https://up.example/a"},
		{here, "https://up.example/pool?token=s#f", "a", "https://up.example/pool/a"},
		{here, "https://up.example/a%2Fb", "c", "https://up.example/a%2Fb/c"},
		{here, "file:///srv/pool", "a b", "file:///srv/pool/a%20b"},
		{besides, "https://up.example/pool/PULP_MANIFEST", "a", "https://up.example/pool/a"},
		{here, "https://up.example/p", "ä @:?#&=+$,;x", "https://up.example/p/%C3%A4%20@:%3F%23&=+$%2C%3Bx"},
		{here, "https://up.example/p", "100%", "https://up.example/p/100%25"},
		{here, "https://up.example/p", "a%20b", "https://up.example/p/a%2520b"},
		{here, "https://up.example/p", "http://evil.example/x", ""}, // an empty segment
		{here, "https://up.example/p", "http:/evil.example/x", "https://up.example/p/http:/evil.example/x"},
		{here, "https://up.example/p", "@evil.example", "https://up.example/p/@evil.example"},
		{here, "https://up.example/p", "", ""},
		{here, "https://up.example/p", "a/", ""},
		{here, "https://up.example/p", "/a", ""},
		{here, "https://up.example/p", "a//b", ""},
		{here, "https://up.example/p", "../a", ""},
		{here, "https://up.example/p", "a/./b", ""},
		{here, "https://up.example/p", "a/%2e%2e/b", ""},
		{here, "https://up.example/p", "%2E%2e", ""},
		{here, "https://up.example/p", "%252e%252e", ""},
		{here, "https://up.example/p", "a%25252520b", ""},
		{here, "https://up.example/p", "a%2fb", ""},
		{here, "https://up.example/p", "a%5cb", ""},
		{here, "https://up.example/p", "a%00", ""},
		{here, "https://up.example/p", `a\b`, ""},
		{here, "https://up.example/p", "a\x00", ""},
		{here, "https://up.example/p", "..;/x", ""},
		{here, "https://up.example/p", ";x", ""},
		{here, "https://up.example", strings.Repeat("a", 1024), "https://up.example/" + strings.Repeat("a", 1024)},
		{here, "https://up.example", strings.Repeat("a", 1025), ""}, // no key of the database
		{here, "mailto:somebody", "a", ""},
		{here, "https://user:secret@up.example/p", "a", ""},
	} {
		to, ok, err := c.kind.address(c.remote, c.path)
		if err != nil || to != c.to || ok != (c.to != "") {
			t.Errorf("%s %q: %q %t %v, not %q", c.remote, c.path, to, ok, err, c.to)
		}
	}
}

// FuzzPullURL: whatever is asked for, the request goes to the host of the remote and below its folder, for a server that
// decodes the path, and for one that decodes it again.
func FuzzPullURL(f *testing.F) {
	for _, path := range []string{"a/b", "../x", "%2e%2e/x", "%252e%252e/x", "a;b/..;/c", "//evil", "@evil", "a?b#c", "a%2fb", "a%5c..", "\x00", "%", "%%32%65", "ä/ö", "http://e/x"} {
		f.Add(path)
	}
	const folder = "https://up.example:8443/po%2Fol/x"
	f.Fuzz(func(t *testing.T, path string) {
		address, ok, err := (&PullThrough{}).address(folder, path)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "https" || u.Host != "up.example:8443" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
			!strings.HasPrefix(u.EscapedPath(), "/po%2Fol/x/") || !strings.HasPrefix(address, folder+"/") {
			t.Fatalf("%q leaves the folder: %s", path, address)
		}
		if u.Path != "/po/ol/x/"+path {
			t.Fatalf("%q is asked for as %q", path, u.Path)
		}
		for seen := path; ; {
			for segment := range strings.SplitSeq(seen, "/") {
				if segment == "" || segment == "." || segment == ".." || strings.ContainsAny(segment, "\\\x00\r\n") {
					t.Fatalf("%q is %q for a server that decodes it again", path, seen)
				}
			}
			again, err := url.PathUnescape(seen)
			if err != nil || again == seen {
				return
			}
			seen = again
		}
	})
}
