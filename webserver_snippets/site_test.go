package snippets_test

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit/webserver"
	snippets "github.com/packhouse/packhouse/webserver_snippets"
)

// servers are the web servers with what writes their sites.
var servers = map[string]struct {
	webserver.Server
	render func(snippets.Site) (string, error)
}{
	"nginx":  {webserver.Nginx{}, snippets.Site.Nginx},
	"apache": {webserver.Apache{}, snippets.Site.Apache},
}

// site is a site with nothing special.
func site(listen string) snippets.Site {
	return snippets.Site{
		Listen: listen, API: []string{"127.0.0.1:24817"}, Content: []string{"127.0.0.1:24816"},
		APIRoot: "/pulp/", ContentPrefix: "/pulp/content/", MediaPrefix: "/_media/",
	}
}

// TestSitesAreUnderstood by the web servers themselves, without a warning.
func TestSitesAreUnderstood(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	for name, change := range map[string]func(*snippets.Site){
		"plain":        func(*snippets.Site) {},
		"any address":  func(s *snippets.Site) { _, s.Listen, _ = strings.Cut(s.Listen, ":") },
		"names":        func(s *snippets.Site) { s.Names = []string{"packages.example.org", "*.example.net", "a"} },
		"TLS":          func(s *snippets.Site) { s.Certificate, s.Key = certificate, key },
		"certificates": func(s *snippets.Site) { s.Certificate, s.Key, s.ClientCertificates = certificate, key, true },
		"media":        func(s *snippets.Site) { s.Media = "/srv/me dia#;/" },
		"groups":       func(s *snippets.Site) { s.API, s.Content = append(s.API, "[::1]:1"), append(s.Content, "localhost:2") },
		"root":         func(s *snippets.Site) { s.APIRoot, s.ContentPrefix = "/", "/content/" },
		"headers":      func(s *snippets.Site) { s.Forged = []string{"remote-USER", "X-Who"} },
	} {
		for server, with := range servers {
			t.Run(name+" "+server, func(t *testing.T) {
				t.Parallel()
				address := webserver.Address(t)
				s := site(address)
				change(&s)
				text, err := with.render(s)
				if err != nil {
					t.Fatal(err)
				}
				if err := webserver.Check(t, with, address, text); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
				for _, line := range strings.Split(text, "\n") {
					if strings.Contains(line, "<no value>") || strings.Contains(line, "\t") {
						t.Errorf("a line is %q", line)
					}
				}
				if strings.Count(strings.ToLower(text), "remote-user") != 1 {
					t.Errorf("the header is removed more or less than once:\n%s", text)
				}
			})
		}
	}
}

// TestTextsThatBreakOutAreRefused before anything is written.
func TestTextsThatBreakOutAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*snippets.Site){
		"name":             func(s *snippets.Site) { s.Names = []string{"a; root /;"} },
		"name of nothing":  func(s *snippets.Site) { s.Names = []string{""} },
		"name in lines":    func(s *snippets.Site) { s.Names = []string{"a\nb"} },
		"listen":           func(s *snippets.Site) { s.Listen = "80; root /" },
		"listen nowhere":   func(s *snippets.Site) { s.Listen = "" },
		"port":             func(s *snippets.Site) { s.Listen = "70000" },
		"no api":           func(s *snippets.Site) { s.API = nil },
		"no content":       func(s *snippets.Site) { s.Content = nil },
		"api":              func(s *snippets.Site) { s.API = []string{"127.0.0.1"} },
		"api of words":     func(s *snippets.Site) { s.API = []string{"a b:1"} },
		"content of all":   func(s *snippets.Site) { s.Content = []string{"*.example.org:80"} },
		"root":             func(s *snippets.Site) { s.APIRoot = "/a {}/" },
		"prefix":           func(s *snippets.Site) { s.ContentPrefix = "content" },
		"media":            func(s *snippets.Site) { s.Media = `/srv/"; root "/` },
		"relative media":   func(s *snippets.Site) { s.Media = "media" },
		"variable":         func(s *snippets.Site) { s.Media = "/srv/$host" },
		"media everywhere": func(s *snippets.Site) { s.Media, s.MediaPrefix = "/srv", "/" },
		"key alone":        func(s *snippets.Site) { s.Key = "/k" },
		"certificate":      func(s *snippets.Site) { s.Certificate, s.Key = "/c\n", "/k" },
		"plain mutual":     func(s *snippets.Site) { s.ClientCertificates = true },
		"header":           func(s *snippets.Site) { s.Forged = []string{"X-$y"} },
	} {
		s := site("80")
		change(&s)
		for server, with := range servers {
			if text, err := with.render(s); !errs.Is(err, errs.Invalid) || text != "" {
				t.Errorf("%s for %s: %v\n%s", name, server, err, text)
			}
		}
	}
}
