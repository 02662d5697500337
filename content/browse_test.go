package content

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

func TestPageForPeople(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.offers["a b/files/"] = serve.Result{Listing: someListing()}
	d := s.visit(prefix+"a%20b/files/", 200)
	if targets, _ := d.links("table"); !slices.Equal(targets, []string{"../", "./dir/", "./PULP_MANIFEST", "./later", "./x.iso"}) {
		t.Errorf("the entries lead to %q", targets)
	}
	targets, texts := d.links("h1")
	if !slices.Equal(targets, []string{prefix, prefix + "a%20b/"}) || !slices.Equal(texts, []string{"pulp/content", "a b"}) {
		t.Errorf("the way is %q, %q", targets, texts)
	}
	for _, want := range []string{"1 folder, 3 files", "1 Byte", "1.2 GB", "2026-01-02 03:04"} {
		if !d.has(want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if codes := d.all("code"); text(codes[0]) != "ab" || !strings.Contains(text(codes[1]), "'http://"+s.address+prefix+"a%20b/files/'") {
		t.Errorf("the codes are %q and %q", text(codes[0]), text(codes[1]))
	}
	if got := text(d.all("title")[0]); got != "Index of "+prefix+"a b/files/" {
		t.Errorf("the title is %q", got)
	}
	if head := s.ask("HEAD", prefix+"a%20b/files/", browser); head.StatusCode != 200 || len(head.body) != 0 {
		t.Errorf("HEAD is %d %q", head.StatusCode, head.body)
	}
}

func TestPagesWithLittleOnThem(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.offers[""] = serve.Result{Listing: &serve.Listing{}}
	if d := s.visit(prefix, 200); len(d.all("a")) != 0 || len(d.all("table")) != 0 || !d.has("There is nothing here yet.") {
		t.Errorf("an empty server shows %q", text(d.root))
	}
	s.offers["above/"] = serve.Result{Listing: &serve.Listing{Entries: []serve.Entry{{Name: "below", Dir: true}}}}
	d := s.visit(prefix+"above/", 200)
	if targets, _ := d.links("table"); !slices.Equal(targets, []string{"../", "./below/"}) || len(d.all("th")) != 0 || len(d.all("details")) != 0 {
		t.Errorf("a folder of repositories shows %q, %q", targets, text(d.root))
	}
}

func TestOddNamesForPeople(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	listing := &serve.Listing{}
	names := append(oddNames(), "photo\u202egpj.exe", "no\u200bthing", "\ufeffmark", "wide\u00a0space", "filler\u3164", "joined\u200dletters")
	for _, name := range names {
		s.add("odd/"+name, "this is "+name)
		listing.Entries = append(listing.Entries, serve.Entry{Name: name})
	}
	s.offers["odd/"] = serve.Result{Listing: listing}
	targets, texts := s.visit(prefix+"odd/", 200).links("table")
	base, _ := url.Parse("http://host" + prefix + "odd/")
	for i, name := range names {
		target, err := base.Parse(targets[i+1])
		if err != nil {
			t.Fatal(err)
		}
		if got := string(s.ask("GET", target.EscapedPath(), nil).body); got != "this is "+name {
			t.Errorf("%q: the link %q leads to %q", name, targets[i+1], got)
		}
		if texts[i+1] != shown(name) || strings.ContainsFunc(texts[i+1], unseen) {
			t.Errorf("%q is shown as %q", name, texts[i+1])
		}
	}
	if got := shown("photo\u202egpj.exe"); got != "photo⟨U+202E⟩gpj.exe" || shown("joined\u200dletters") != "joined\u200dletters" {
		t.Errorf("shown as %q", got)
	}
}

func TestLongListingHasPages(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	listing := &serve.Listing{Entries: []serve.Entry{{Name: "zz", Dir: true}}}
	for i := range 2*entriesOnPage + 1 {
		listing.Entries = append(listing.Entries, serve.Entry{Name: fmt.Sprintf("%06d", i), Modified: addedAt, Size: new(int64), SHA256: strings.Repeat("a", 64)})
	}
	s.offers["long/"] = serve.Result{Listing: listing}
	var seen []string
	for number, want := range []int{entriesOnPage, entriesOnPage, 2} {
		d := s.visit(prefix+"long/?page="+fmt.Sprint(number+1), 200)
		targets, _ := d.links("table")
		if len(targets) != want+1 {
			t.Errorf("page %d has %d entries", number+1, len(targets)-1)
		}
		seen = append(seen, targets[1:]...)
		if others, _ := d.links("nav"); len(others) != 2 || slices.Contains(others, "?page="+fmt.Sprint(number+1)) {
			t.Errorf("page %d leads to %q", number+1, others)
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != len(listing.Entries) {
		t.Errorf("%d of %d entries were seen", len(seen), len(listing.Entries))
	}
	for _, page := range []string{"0", "4", "-1", "x", "1.0", "99999999999999999999", "%00"} {
		s.visit(prefix+"long/?page="+page, 404)
	}
	first := s.ask("GET", prefix+"long/", browser).body
	if each := len(first) / entriesOnPage; each > 250 {
		t.Errorf("the page takes %d bytes for an entry", each)
	}
	if plain := s.ask("GET", prefix+"long/?page=x", nil); plain.StatusCode != 200 || strings.Count(string(plain.body), "\n") < len(listing.Entries) {
		t.Error("programs get pages")
	}
}

// telling is a usage that repeats what it is told.
func telling(url string, listing *serve.Listing) []serve.Snippet {
	return []serve.Snippet{{Title: "Get <it>", Text: fmt.Sprintf("get '%s' %d", url, len(listing.Entries))}}
}

// pageFor asks for a page under any name of the host, which HTTP libraries would not send.
func (s *site) pageFor(host, path string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: "+host+"\r\nAccept: text/html\r\n\r\n")
	answer, err := io.ReadAll(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(answer)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	origin := "https://packages.example.org"
	for what, c := range map[string]struct {
		origin *string
		host   string
		want   string
	}{
		"the origin of the settings": {&origin, "other", "get 'https://packages.example.org/pulp/content/files/' 4"},
		"the host that was asked":    {nil, "mirror.example:8080", "get 'http://mirror.example:8080/pulp/content/files/' 4"},
		"an IPv6 address":            {nil, "[::1]:80", "get 'http://[::1]:80/pulp/content/files/' 4"},
		"a host with a command":      {nil, "x';reboot;'", ""},
	} {
		s := start(t, nil, func(o *Options) { o.Origin = c.origin })
		s.offers["files/"] = serve.Result{Listing: someListing(), Usage: telling}
		page := s.pageFor(c.host, prefix+"files/")
		if c.want == "" {
			if strings.Contains(page, "reboot") || strings.Contains(page, "<details") || !strings.Contains(page, "./x.iso") {
				t.Errorf("%s:\n%s", what, page)
			}
		} else if !strings.Contains(html.UnescapeString(page), "<pre>"+c.want+"</pre>") || !strings.Contains(page, "Get &lt;it&gt;") {
			t.Errorf("%s:\n%s", what, page)
		}
	}
}

func TestUsageOfWhatIsGuarded(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	guard := "some"
	s.offers["open/"] = serve.Result{Distribution: &model.Distribution{}, Listing: someListing(), Usage: telling}
	s.offers["closed/"] = serve.Result{Distribution: &model.Distribution{ContentGuardID: &guard}, Listing: someListing(), Usage: telling}
	if s.visit(prefix+"open/", 200).has("guarded") || !s.visit(prefix+"closed/", 200).has("It is guarded") {
		t.Error("only what is guarded says so")
	}
	if got := s.ask("GET", prefix+"closed/", browser).Header.Get("Cache-Control"); got != "private" {
		t.Errorf("a guarded page may be kept: %q", got)
	}
}

// FuzzPage: whatever an entry and its folder are called, the page is whole and the link leads to the entry.
func FuzzPage(f *testing.F) {
	for _, name := range append(oddNames(), "photo\u202egpj.exe", "</a><td>", "\x00", "..", "a/b") {
		f.Add(name, false)
		f.Add(name, true)
	}
	f.Fuzz(func(t *testing.T, name string, dir bool) {
		if name == "" || strings.Contains(name, "/") || !serve.CleanPath(name) {
			return // no such name is served
		}
		row := rowOf(serve.Entry{Name: name, Dir: dir})
		page, err := written("listing", view{Title: shown(name), Crumbs: []crumb{{shown(name), ""}}, Up: true, Rows: [][]entryRow{{row}}, Here: "http://h/" + serve.Escaped(name)})
		if err != nil {
			t.Fatal(err)
		}
		checkNesting(t, string(page))
		root, err := html.Parse(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		targets, texts := document{t, root}.links("table")
		if dir {
			name += "/"
		}
		link, err := (&url.URL{Path: "/f/"}).Parse(targets[1])
		if err != nil || len(targets) != 2 || link.Path != "/f/"+name || link.RawQuery != "" || texts[1] != shown(name) {
			t.Errorf("%q leads to %q, %q: %v", name, targets, texts, err)
		}
	})
}
