package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/resource"
)

// DocumentOptions choose a form of the OpenAPI document.
type DocumentOptions struct {
	// Bindings shortens operation ids for client generators.
	Bindings bool
	// Components restricts the paths to those of some apps; empty is all.
	Components []string
	// PKPath keeps the real paths, for people, instead of one href parameter.
	PKPath bool
	// Server is scheme and host.
	Server string
}

type object = map[string]any

// Document writes the OpenAPI document (version 3.1.1) of what the API serves.
func (s *Server) Document(o DocumentOptions) ([]byte, error) {
	if err := s.checkComponents(o.Components); err != nil {
		return nil, err
	}
	schemas := map[string]resource.Schema{
		"AsyncOperationResponse": {"type": "object", "description": "The task that was dispatched.",
			"properties": map[string]resource.Schema{"task": resource.URI()}, "required": []string{"task"}},
	}
	paths := map[string]object{}
	for i := range s.operations {
		op := &s.operations[i]
		if op.ID == "" || !o.wants(op) {
			continue
		}
		path := s.documentPath(op, o)
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(op.Method)] = s.documentOperation(op, o)
		maps.Copy(schemas, op.Components)
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.1", "info": s.info(o), "paths": paths, "servers": []object{{"url": o.Server}},
		"components": object{"schemas": schemas, "securitySchemes": object{
			"basicAuth":  object{"type": "http", "scheme": "basic"},
			"cookieAuth": object{"type": "apiKey", "in": "cookie", "name": auth.SessionCookie},
		}},
	}, "", " ")
}

func (o DocumentOptions) wants(op *resource.Operation) bool {
	if len(o.Components) == 0 {
		return true
	}
	parts := strings.Split(op.Route, "/")
	label := "core"
	if len(parts) > 3 && slices.Contains([]string{"content", "repositories", "publications", "distributions", "remotes", "acs", "contentguards"}, parts[0]) {
		label = parts[1]
	}
	return slices.Contains(o.Components, label)
}

func (s *Server) info(o DocumentOptions) object {
	versions := s.Versions
	if len(o.Components) > 0 {
		versions = map[string]string{"core": s.Versions["core"]}
		for _, label := range o.Components {
			versions[label] = s.Versions[label]
		}
	}
	return object{
		"title": "Pulp 3 API", "version": "v3", "description": "The REST API of Packhouse, wire-compatible with Pulp 3.",
		"contact":               object{"name": "Packhouse", "url": "https://github.com/packhouse/packhouse"},
		"license":               object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		"x-pulp-app-versions":   versions,
		"x-pulp-domain-enabled": s.Env.Names.Domains,
	}
}

// documentPath collapses everything up to the last parameter into one href parameter without leading slash.
func (s *Server) documentPath(op *resource.Operation, o DocumentOptions) string {
	if op.HrefName == "" || o.PKPath {
		return s.roots(op)[0] + op.Route
	}
	end := strings.LastIndex(op.Route, "}/")
	return "{" + op.HrefName + "}" + op.Route[end+2:]
}

func (s *Server) documentOperation(op *resource.Operation, o DocumentOptions) object {
	id := op.ID
	if o.Bindings && op.Short != "" {
		id = op.Short
	}
	out := object{"operationId": id, "description": op.Doc, "tags": []string{op.Tag}, "parameters": s.documentParams(op, o), "responses": documentAnswers(op)}
	if op.Request != nil {
		out["requestBody"] = documentRequest(op.Request)
	}
	if op.Rule != auth.Anyone {
		out["security"] = []object{{"basicAuth": []string{}}, {"cookieAuth": []string{}}}
	}
	return out
}

func (s *Server) documentParams(op *resource.Operation, o DocumentOptions) []object {
	text := resource.String()
	params := []object{{"in": "header", "name": "X-Task-Diagnostics", "schema": resource.Strings(), "description": "List of profilers to use on tasks."}}
	switch {
	case op.HrefName != "" && !o.PKPath:
		params = append(params, object{"in": "path", "name": op.HrefName, "required": true, "schema": text})
	default:
		if strings.Contains(s.roots(op)[0], domainParam) {
			params = append(params, object{"in": "path", "name": domainParam, "required": true, "schema": text, "x-isDomain": true})
		}
		for part := range strings.SplitSeq(op.Route, "/") {
			if name, isParam := strings.CutPrefix(part, "{"); isParam {
				params = append(params, object{"in": "path", "name": strings.TrimSuffix(name, "}"), "required": true, "schema": text})
			}
		}
	}
	for _, p := range op.Params {
		params = append(params, documentParam(s.withTypes(p, op)))
	}
	if op.Method == "GET" && !slices.ContainsFunc(op.Params, func(p resource.Param) bool { return p.Name == "fields" }) {
		for _, p := range resource.SelectionParams() { // clients may send them with every reading request
			params = append(params, documentParam(p))
		}
	}
	return params
}

// withTypes names the types that a list over all types can be asked for.
func (s *Server) withTypes(p resource.Param, op *resource.Operation) resource.Param {
	types := slices.Sorted(slices.Values(s.Env.Registry.Types(strings.TrimSuffix(op.Route, "/"))))
	choice := resource.Schema{"type": "string", "enum": types}
	switch {
	case len(types) == 0:
	case p.Name == "pulp_type":
		p.Schema = choice
	case p.Name == "pulp_type__in":
		p.Schema = resource.Schema{"type": "array", "items": choice}
	}
	return p
}

func documentParam(p resource.Param) object {
	param := object{"in": p.In, "name": p.Name, "schema": p.Schema}
	if p.Required {
		param["required"] = true
	}
	if p.Schema["type"] == "array" && !p.Explode {
		param["style"], param["explode"] = "form", false
	}
	return param
}

func documentRequest(r *resource.RequestDoc) object {
	content := mediaTypes{schema: object{"schema": resource.Ref(r.Schema)}, names: []string{"multipart/form-data", "application/x-www-form-urlencoded"}}
	if !r.Multipart {
		content.names = append([]string{"application/json"}, content.names...)
	}
	return object{"content": content, "required": true}
}

// mediaTypes are the forms of a body, the best first: generated clients send the first one.
type mediaTypes struct {
	names  []string
	schema object
}

// MarshalJSON writes an object whose members stand in order.
func (m mediaTypes) MarshalJSON() ([]byte, error) {
	schema, err := json.Marshal(m.schema)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for i, name := range m.names {
		fmt.Fprintf(&out, "%c%q:%s", "{,"[min(i, 1)], name, schema)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func documentAnswers(op *resource.Operation) object {
	out := object{}
	for status, a := range op.Answers {
		answer := object{"description": a.Doc}
		if a.Schema != "" {
			answer["content"] = object{"application/json": object{"schema": resource.Ref(a.Schema)}}
		}
		out[strconv.Itoa(status)] = answer
	}
	return out
}

var _ json.Marshaler = mediaTypes{}
