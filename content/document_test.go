package content

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// browser is what browsers send.
var browser = headers{"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}

// document is a page as a browser reads it.
type document struct {
	t    *testing.T
	root *html.Node
}

// visit asks for a page as a browser does and checks what holds for all pages.
func (s *site) visit(path string, status int) document {
	s.t.Helper()
	a := s.ask("GET", path, browser)
	if a.StatusCode != status || a.Header.Get("Content-Type") != "text/html; charset=utf-8" || a.Header.Get("Vary") != "Accept" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		s.t.Fatalf("%s is %d %v\n%s", path, a.StatusCode, a.Header, a.body)
	}
	checkNesting(s.t, string(a.body))
	root, err := html.Parse(strings.NewReader(string(a.body)))
	if err != nil {
		s.t.Fatal(err)
	}
	d := document{s.t, root}
	d.checkPolicy(a.Header.Get("Content-Security-Policy"))
	return d
}

// checkNesting wants every element to be closed where it was opened, so that nothing is left to guessing.
func checkNesting(t *testing.T, page string) {
	t.Helper()
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch kind, token := z.Next(), z.Token(); kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%v are not closed", open)
			}
			return
		case html.StartTagToken:
			if token.Data != "meta" {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes %v", token.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// checkPolicy wants a policy that lets in the page's own style, by its hash, and nothing that the policy would refuse.
func (d document) checkPolicy(policy string) {
	d.t.Helper()
	styles := d.all("style")
	if len(styles) != 1 {
		d.t.Fatalf("the page has %d styles", len(styles))
	}
	sum := sha256.Sum256([]byte(text(styles[0])))
	own := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	want := "default-src 'none'; style-src " + own + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if policy != want {
		d.t.Errorf("the policy is %q, want %q", policy, want)
	}
	if strings.Contains(text(styles[0]), "url(") || strings.Contains(text(styles[0]), "@import") {
		d.t.Error("the style loads something")
	}
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && slices.Contains([]string{"script", "link", "img", "iframe", "object", "form", "base", "svg"}, n.Data) {
			d.t.Errorf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && strings.Contains(a.Val, "//") {
				d.t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	if len(d.all("title")) != 1 || len(d.all("h1")) != 1 || attribute(d.all("html")[0], "lang") == "" {
		d.t.Error("the page has no title, heading or language")
	}
}

func (d document) all(name string) (found []*html.Node) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

// links gives the targets and texts of the links in the elements of a name.
func (d document) links(within string) (targets, texts []string) {
	for _, n := range d.all(within) {
		for a := range n.Descendants() {
			if a.Type == html.ElementNode && a.Data == "a" {
				targets, texts = append(targets, attribute(a, "href")), append(texts, text(a))
			}
		}
	}
	return targets, texts
}

func (d document) has(what string) bool { return strings.Contains(text(d.all("body")[0]), what) }

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var all strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			all.WriteString(c.Data)
		}
	}
	return all.String()
}
