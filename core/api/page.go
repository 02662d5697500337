package api

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"

	"github.com/packhouse/packhouse/core/resource"
)

// pageSource is the page about the API for people. It is whole by itself: no script, no picture, nothing from elsewhere.
//
//go:embed page.html
var pageSource string

// pageGroup is the operations of one tag.
type pageGroup struct {
	Tag        string
	Operations []pageOperation
}

// pageOperation is a line of the page; Params are those of the query.
type pageOperation struct {
	ID, Method, Path, Doc, Body string
	Params                      []string
}

// writePage writes the page.
func (s *Server) writePage() ([]byte, error) {
	var text bytes.Buffer
	page, err := template.New("docs").Parse(pageSource)
	if err == nil {
		err = page.Execute(&text, map[string]any{"Root": s.siteRoot(), "Versions": s.Versions, "Groups": s.pageGroups()})
	}
	if err != nil {
		return nil, fmt.Errorf("write the page about the API: %w", err)
	}
	return text.Bytes(), nil
}

func (s *Server) pageGroups() []pageGroup {
	byTag := map[string][]pageOperation{}
	for i := range s.operations {
		if op := &s.operations[i]; op.ID != "" {
			byTag[op.Tag] = append(byTag[op.Tag], s.pageOperation(op))
		}
	}
	var groups []pageGroup
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		slices.SortFunc(byTag[tag], func(a, b pageOperation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
		groups = append(groups, pageGroup{tag, byTag[tag]})
	}
	return groups
}

func (s *Server) pageOperation(op *resource.Operation) pageOperation {
	line := pageOperation{ID: op.ID, Method: op.Method, Path: s.roots(op)[0] + op.Route, Doc: op.Doc}
	if op.Request != nil {
		line.Body = op.Request.Schema
	}
	for _, p := range op.Params {
		if p.In == "query" {
			line.Params = append(line.Params, p.Name)
		}
	}
	slices.Sort(line.Params)
	return line
}

// pageAnswer serves the page; a browser may load nothing for it.
func (s *Server) pageAnswer(*resource.Call) (*resource.Answer, error) {
	text, err := s.page()
	return &resource.Answer{Status: 200, Text: text, Type: "text/html; charset=utf-8", Headers: map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
	}}, err
}
