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
func (n Names) API() string { return n.Root + "api/v3/" }

// Href makes the href of a path such as "repositories/file/file/<id>/".
func (n Names) Href(path string) string { return n.Root + "api/v3/" + path }

// Path takes the root from an href or an absolute URL; ok is false for anything else.
func (n Names) Path(text string) (path string, ok bool) {
	if !strings.HasPrefix(text, "/") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", false
		}
		text = u.EscapedPath()
	}
	return strings.CutPrefix(text, n.API())
}

// Href writes the href of a path; an empty path is null.
func (s *Show) Href(path string) {
	if path == "" {
		s.Raw("null")
		return
	}
	s.text = append(s.text, '"')
	s.text = append(s.text, s.Names.Root...)
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
