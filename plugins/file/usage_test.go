package file

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/serve"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	const url = "https://packages.example.org/pulp/content/a/b/"
	listing := func(names ...string) *serve.Listing {
		l := &serve.Listing{}
		for _, name := range names {
			l.Entries = append(l.Entries, serve.Entry{Name: strings.TrimSuffix(name, "/"), Dir: strings.HasSuffix(name, "/")})
		}
		return l
	}
	first := "curl -fO " + url
	for _, c := range []struct {
		listing *serve.Listing
		titles  string
		first   string
	}{
		{listing("PULP_MANIFEST", "dir/", "x.iso", "y.iso"), "Download a file,Download all files and check them,Mirror on another server", first + "x.iso"},
		{listing("PULP_MANIFEST", "dir/"), "Download all files and check them,Mirror on another server", "curl -fsSO " + url + "PULP_MANIFEST\n"},
		{listing("PULP_MANIFEST/", "x.iso"), "Download a file", first + "x.iso"},
		{listing("$(reboot)", "-rf", "a b", "it's", "ü", "y.iso"), "Download a file", first + "y.iso"},
		{listing("dir/"), "", ""},
		{listing(), "", ""},
	} {
		var titles, texts []string
		for _, s := range usage(url, c.listing) {
			titles, texts = append(titles, s.Title), append(texts, s.Text)
		}
		if got := strings.Join(titles, ","); got != c.titles {
			t.Errorf("%v: the titles are %q, want %q", c.listing, got, c.titles)
		}
		if !strings.HasPrefix(strings.Join(texts, "\n"), c.first) {
			t.Errorf("%v: the texts are %q", c.listing, texts)
		}
	}
}

func TestDownloadAll(t *testing.T) {
	t.Parallel()
	const want = `curl -fsSO https://packages.example.org/pulp/content/a/b/PULP_MANIFEST
sed -E 's/,[0-9a-f]{64},[0-9]+$//; s/%/%25/g' PULP_MANIFEST |
  wget -q -x -nH --cut-dirs=4 -B https://packages.example.org/pulp/content/a/b/ -i -
sed -E 's/^(.*),([0-9a-f]{64}),[0-9]+$/\2  \1/' PULP_MANIFEST | sha256sum -c --quiet`
	if got := downloadAll("https://packages.example.org/pulp/content/a/b/"); got != want {
		t.Errorf("it is\n%s", got)
	}
	for url, want := range map[string]string{
		"https://h:80/a_b-c.d/%20": "https://h:80/a_b-c.d/%20", "https://h/a&b/": "'https://h/a&b/'", "https://h/$x": "'https://h/$x'", "http://[::1]/": "'http://[::1]/'",
	} {
		if got := quoted(url); got != want {
			t.Errorf("%s is quoted as %s", url, got)
		}
	}
}
