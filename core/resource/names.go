package resource

import (
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/ident"
)

// Names makes hrefs from paths and reads them back. Hrefs carry the API root and never a host; PRNs carry neither.
type Names struct {
	// Root is the setting api_root, such as "/pulp/".
	Root string
	// Content is what a base_path is added to, such as "http://host/pulp/content/".
	Content string
	// Kinds says under which path the objects of a type stand.
	Kinds *Registry
	// Domains puts the name of a domain into all paths: the setting domain_enabled.
	Domains bool
	// Domain is the name of the one that the request or task is about; "" is the default one.
	Domain string
}

// In gives the names as a domain sees them.
func (n Names) In(domain string) Names {
	n.Domain = domain
	return n
}

// BaseURL is where the content server offers what has the base path.
func (n Names) BaseURL(basePath string) string {
	if n.Domains {
		return n.Content + n.domain() + "/" + basePath + "/"
	}
	return n.Content + basePath + "/"
}

func (n Names) domain() string {
	if n.Domain == "" {
		return defaultDomain
	}
	return n.Domain
}

// defaultDomain is the name of the domain that is always there. What belongs to no domain is shown as its.
const defaultDomain = "default"

// root is what a path stands below.
func (n Names) root(path string) string {
	switch {
	case !n.Domains:
		return n.Root
	case n.Kinds != nil && n.Kinds.Shared(path):
		return n.Root + defaultDomain + "/"
	}
	return n.Root + n.domain() + "/"
}

// Typed is the path of an object of a noun whose type is only known from its row; empty when no enabled plugin has it.
func (n Names) Typed(family, pulpType, id string) string {
	kind, known := n.Kinds.ByType(family, pulpType)
	if !known || id == "" {
		return ""
	}
	return kind.Path + "/" + id + "/"
}

// API is the root of the REST API, such as "/pulp/api/v3/".
func (n Names) API() string { return n.root("") + "api/v3/" }

// Href makes the href of a path such as "repositories/file/file/<id>/".
func (n Names) Href(path string) string { return n.root(path) + "api/v3/" + path }

// Path takes the root from an href or an absolute URL; ok is false for anything else, such as a path in another domain.
func (n Names) Path(text string) (path string, ok bool) {
	if !strings.HasPrefix(text, "/") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", false
		}
		text = u.EscapedPath()
	}
	if !n.Domains {
		return strings.CutPrefix(text, n.API())
	}
	rest, ok := strings.CutPrefix(text, n.Root)
	if !ok {
		return "", false
	}
	domain, rest, _ := strings.Cut(rest, "/")
	path, ok = strings.CutPrefix(rest, "api/v3/")
	mine := domain == n.domain() || domain == defaultDomain && n.Kinds != nil && n.Kinds.Shared(path)
	return path, ok && mine
}

// Href writes the href of a path; an empty path is null.
func (s *Show) Href(path string) {
	if path == "" {
		s.Raw("null")
		return
	}
	s.text = append(s.text, '"')
	s.text = append(s.text, s.Names.root(path)...)
	s.text = append(s.text, "api/v3/"...)
	s.text = append(s.text, path...)
	s.text = append(s.text, '"')
}

// PRN writes the PRN of an object; an empty id is null.
func (s *Show) PRN(model, id string) {
	if id == "" {
		s.Raw("null")
		return
	}
	s.String(ident.PRN(model, id))
}
