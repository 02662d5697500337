package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// documentAge is how long caches may keep the document, in seconds: 100 days. Clients ask again when a version in
// status/ is another than the one in their copy.
const documentAge = 100 * 24 * 60 * 60

// serverMark stands where the document names its server, which differs from request to request.
const serverMark = "packhouse-server-of-the-request"

// documents keeps the forms of the document that were asked for, each written once. Its zero value is ready.
type documents struct {
	mu    sync.Mutex
	forms map[string]form
}

// form is a written document in two halves; the server's address, as a JSON string, belongs between them.
type form struct{ before, after []byte }

func (f form) at(server string) ([]byte, error) {
	address, err := json.Marshal(server)
	if err != nil {
		return nil, fmt.Errorf("write the address of the server: %w", err)
	}
	return slices.Concat(f.before, address, f.after), nil
}

// form gives a form of the document, writing it when it was never asked for.
func (s *Server) form(o DocumentOptions, asYAML bool) (form, error) {
	o.Server = serverMark
	key := fmt.Sprint(o.Bindings, o.PKPath, asYAML, o.Components)
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	if kept, ok := s.documents.forms[key]; ok {
		return kept, nil
	}
	text, err := s.Document(o)
	mark := []byte(`"` + serverMark + `"`)
	if err == nil && asYAML {
		text, err = ToYAML(text)
		mark = []byte(serverMark) // YAML needs no quotes around it
	}
	if err != nil {
		return form{}, err
	}
	before, after, found := bytes.Cut(text, mark)
	if !found {
		return form{}, errs.New(errs.Internal, "the document does not name its server; this is a fault of Packhouse, please report it")
	}
	if s.documents.forms == nil {
		s.documents.forms = map[string]form{}
	}
	s.documents.forms[key] = form{before, after}
	return s.documents.forms[key], nil
}

// documentOptions reads the form that a request asks for. Labels come sorted and once each, so that as many forms are
// kept as there are sets of apps, and no more.
func (s *Server) documentOptions(c *resource.Call) (o DocumentOptions, err error) {
	queries := c.Queries()
	if queries.Has("plugin") {
		return o, errs.Messages("The parameter 'plugin' is not known any more; use 'component'.")
	}
	o.Bindings, o.PKPath = queries.Has("bindings"), queries.Has("pk_path")
	if !queries.Has("component") {
		return o, nil
	}
	o.Components = c.QueryList("component")
	if len(o.Components) == 0 {
		return o, errs.Messages("The parameter 'component' names no component.")
	}
	slices.Sort(o.Components)
	o.Components = slices.Compact(o.Components)
	return o, s.checkComponents(o.Components)
}

func (s *Server) checkComponents(labels []string) error {
	for _, label := range labels {
		if _, known := s.Versions[label]; !known {
			return errs.Messages("Component %q is not served here.", label)
		}
	}
	return nil
}

// documentAnswer serves the document. The parameter include_html is taken and changes nothing: no description has HTML.
func (s *Server) documentAnswer(c *resource.Call, asYAML bool) (*resource.Answer, error) {
	o, err := s.documentOptions(c)
	if err != nil {
		return nil, err
	}
	written, err := s.form(o, asYAML)
	if err != nil {
		return nil, err
	}
	text, err := written.at(c.BaseURL())
	if err != nil {
		return nil, err
	}
	// The address in the document follows these two headers of a proxy, so a cache must too.
	answer := &resource.Answer{Status: 200, Text: text, Type: "application/json", Headers: map[string]string{
		"Cache-Control": fmt.Sprintf("public, max-age=%d", documentAge), "Vary": "X-Forwarded-Host, X-Forwarded-Proto",
	}}
	if asYAML {
		answer.Type = "application/yaml"
	}
	return answer, nil
}

// ToYAML writes a JSON document as YAML, members in the order that they have.
func ToYAML(document []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil { // JSON is YAML too
		return nil, fmt.Errorf("read the document: %w", err)
	}
	inBlocks(&root)
	text, err := yaml.Marshal(&root)
	if err != nil {
		return nil, fmt.Errorf("write the document as YAML: %w", err)
	}
	return text, nil
}

// inBlocks gives up the braces and quotes of JSON.
func inBlocks(n *yaml.Node) {
	n.Style = 0
	for _, inner := range n.Content {
		inBlocks(inner)
	}
}
