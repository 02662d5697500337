package content

import (
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/serve"
)

func someListing() *serve.Listing {
	size := func(n int64) *int64 { return &n }
	return &serve.Listing{Entries: []serve.Entry{
		{Name: "PULP_MANIFEST", Size: size(1), Modified: addedAt, SHA256: "ab"},
		{Name: "dir", Dir: true},
		{Name: "later", Modified: addedAt},
		{Name: "x.iso", Size: size(1_234_567_890), Modified: addedAt},
	}}
}

const wantedPage = `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>Index of /pulp/content/files/</title></head>
<body>
<h1>Index of /pulp/content/files/</h1>
<hr><pre><a href="../">../</a>
<a href="./PULP_MANIFEST">PULP_MANIFEST</a>{87}02-Jan-2026 03:04  1 Byte
<a href="./dir/">dir/</a>
<a href="./later">later</a>{95}02-Jan-2026 03:04
<a href="./x.iso">x.iso</a>{95}02-Jan-2026 03:04  1.2 GB
</pre><hr>
</body>
</html>
`

func TestPlainListing(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.offers["files/"] = serve.Result{Listing: someListing()}
	s.offers[""] = serve.Result{Listing: &serve.Listing{}}
	want := strings.NewReplacer("{87}", strings.Repeat(" ", 87), "{95}", strings.Repeat(" ", 95)).Replace(wantedPage)
	for _, accept := range []headers{nil, {"Accept": "*/*"}, {"Accept": "text/*"}, {"Accept": "text/html;q=0"}} {
		a := s.ask("GET", prefix+"files/", accept)
		if string(a.body) != want || a.Header.Get("Content-Type") != "text/html" || a.Header.Get("Vary") != "Accept" {
			t.Errorf("%v: %v\n%s", accept, a.Header, a.body)
		}
	}
	if head := s.ask("HEAD", prefix+"files/", nil); head.StatusCode != 200 || head.Header.Get("Content-Type") != "text/html" || len(head.body) != 0 {
		t.Errorf("HEAD is %d %v %q", head.StatusCode, head.Header, head.body)
	}
	if root := string(s.ask("GET", prefix, nil).body); strings.Contains(root, "../") || !strings.Contains(root, "Index of /pulp/content/<") {
		t.Errorf("the root is\n%s", root)
	}
}

func TestListingForPrograms(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.offers["files/"] = serve.Result{Listing: someListing()}
	a := s.ask("GET", prefix+"files/", headers{"Accept": "application/json"})
	const want = `{"entries":[{"name":"PULP_MANIFEST","type":"file","size":1,"modified":"2026-01-02T03:04:05.000000678Z","sha256":"ab"},` +
		`{"name":"dir","type":"directory","size":null,"modified":null,"sha256":null},` +
		`{"name":"later","type":"file","size":null,"modified":"2026-01-02T03:04:05.000000678Z","sha256":null},` +
		`{"name":"x.iso","type":"file","size":1234567890,"modified":"2026-01-02T03:04:05.000000678Z","sha256":null}],"path":"/pulp/content/files/"}`
	if string(a.body) != want || a.Header.Get("Content-Type") != "application/json" || !json.Valid(a.body) {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
}

func oddNames() []string {
	return []string{`"quoted"`, "it's", "a&b", "50%", "100%25", "a b", "a+b", "#1", "what?", "ü日本", "<script>alert(1)<script>", "javascript:alert(1)", "a;b=c", ":", "~x", "{{.}}", strings.Repeat("l", 250)}
}

// TestOddNames: whatever a file is called, the link of the listing leads to it and the page stays a page.
func TestOddNames(t *testing.T) {
	t.Parallel()
	names := oddNames()
	s := start(t, nil, nil)
	listing := &serve.Listing{}
	for _, name := range names {
		s.add("odd/"+name, "this is "+name)
		listing.Entries = append(listing.Entries, serve.Entry{Name: name})
	}
	s.offers["odd/"] = serve.Result{Listing: listing}
	page := string(s.ask("GET", prefix+"odd/", nil).body)
	if strings.Contains(page, "<script>") {
		t.Error("the page runs a script")
	}
	links := regexp.MustCompile(`<a href="(\./[^"]*)">([^<]*)</a> `).FindAllStringSubmatch(page, -1)
	if len(links) != len(names) {
		t.Fatalf("%d links for %d names:\n%s", len(links), len(names), page)
	}
	base, _ := url.Parse(prefix + "odd/")
	for i, link := range links {
		target, err := base.Parse(html.UnescapeString(link[1]))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(s.ask("GET", target.EscapedPath(), nil).body); got != "this is "+names[i] || html.UnescapeString(link[2]) != names[i] {
			t.Errorf("%q: the link %s leads to %q", names[i], link[1], got)
		}
	}
}

func TestFormOf(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]form{
		"": asText, "*/*": asText, "text/*": asText, "text/html": asPage, "application/json": asJSON, "Application/JSON": asJSON, "TEXT/HTML": asPage,
		"application/json, */*": asJSON, "application/json;q=0.5, text/html": asPage, "application/json, text/html;q=0.9": asJSON,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": asPage, "application/*": asJSON, "text/html;q=0.1": asPage,
		"application/json;q=0": asText, "application/json;q=0, */*": asText, "text/html, application/json": asPage, "application/json;q=x": asText,
		"text/html;q=0, */*": asJSON, "text/html;q=0": asText, "application/json;q=0.2, */*;q=0.8": asText, "image/png": asText, ",;,": asText,
	} {
		if formOf(accept) != want {
			t.Errorf("%q is %d, want %d", accept, formOf(accept), want)
		}
	}
}

func TestHumanSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{0: "0 Bytes", 1: "1 Byte", 10: "10 Bytes", 999: "999 Bytes", 1000: "1.0 kB", 1_500_000: "1.5 MB", 2e9: "2.0 GB", 3e12: "3.0 TB", 1<<63 - 1: "9.2 EB"} {
		if got := humanSize(size); got != want {
			t.Errorf("%d is %q, want %q", size, got, want)
		}
	}
}
