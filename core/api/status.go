package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/resource"
)

// Status is the state of the installation, the answer of status/.
type Status struct {
	Versions  []Component `json:"versions"`
	Workers   []Process   `json:"online_workers"`
	APIApps   []Process   `json:"online_api_apps"`
	Contents  []Process   `json:"online_content_apps"`
	Database  Connection  `json:"database_connection"`
	Redis     Connection  `json:"redis_connection"`
	Storage   *Storage    `json:"storage"`
	Content   ContentInfo `json:"content_settings"`
	DomainsOn bool        `json:"domain_enabled"`
}

// Component is an app and its version.
type Component struct {
	Component        string `json:"component"`
	Version          string `json:"version"`
	Package          string `json:"package"`
	Module           string `json:"module"`
	DomainCompatible bool   `json:"domain_compatible"`
}

// Process is a process with a heartbeat within its time to live.
type Process struct {
	Name          string            `json:"name"`
	LastHeartbeat time.Time         `json:"last_heartbeat"`
	Versions      map[string]string `json:"versions"`
}

// MarshalJSON writes the heartbeat as all other times of the API are written.
func (p Process) MarshalJSON() ([]byte, error) {
	type plain Process
	return json.Marshal(struct {
		plain
		LastHeartbeat resource.Timestamp `json:"last_heartbeat"`
	}{plain(p), resource.Timestamp(p.LastHeartbeat)})
}

// Connection tells whether something answers.
type Connection struct {
	Connected bool `json:"connected"`
}

// Storage is the fill of the storage in bytes; nil where it cannot be told.
type Storage struct {
	Total *int64 `json:"total"`
	Used  *int64 `json:"used"`
	Free  *int64 `json:"free"`
}

// ContentInfo is where content is served.
type ContentInfo struct {
	Origin *string `json:"content_origin"`
	Prefix string  `json:"content_path_prefix"`
}

// Components makes the list of versions, the core first.
func Components(versions map[string]string) []Component {
	labels := slices.SortedFunc(maps.Keys(versions), func(a, b string) int {
		if (a == "core") != (b == "core") {
			if a == "core" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var list []Component
	for _, label := range labels {
		list = append(list, Component{Component: label, Version: versions[label], Package: "packhouse", Module: "packhouse." + label, DomainCompatible: true})
	}
	return list
}

// statusID is the operation id of status/.
const statusID = "status_read"

// own are the operations that belong to no app's resource.
func (s *Server) own() []resource.Operation {
	open := func(id, route string, handle func(c *resource.Call) (*resource.Answer, error)) resource.Operation {
		return resource.Operation{ID: id, Method: "GET", Route: route, Tag: "Status", Rule: auth.Anyone, Site: true, Handle: handle}
	}
	status := open(statusID, "status/", func(c *resource.Call) (*resource.Answer, error) { return asJSON(s.Status(c.Context())) })
	status.Answers = map[int]resource.AnswerDoc{200: {Doc: "The state of the installation.", Schema: "StatusResponse"}}
	status.Components = statusSchemas()
	livez := open("livez_read", "livez/", func(*resource.Call) (*resource.Answer, error) { return &resource.Answer{Status: 200}, nil })
	livez.Tag, livez.Answers = "Livez", map[int]resource.AnswerDoc{200: {Doc: "The process lives."}}
	root := open("", "", s.index)
	root.Site = false
	document := open("docs_api_json_get", "docs/api.json", func(c *resource.Call) (*resource.Answer, error) { return s.documentAnswer(c, false) })
	document.Tag, document.Answers = "Docs: Api.Json", map[int]resource.AnswerDoc{200: {Doc: "This document."}}
	yaml := open("docs_api_yaml_get", "docs/api.yaml", func(c *resource.Call) (*resource.Answer, error) { return s.documentAnswer(c, true) })
	yaml.Tag, yaml.Answers = "Docs: Api.Yaml", map[int]resource.AnswerDoc{200: {Doc: "This document."}}
	page, other := open("", "docs/", s.pageAnswer), open("", "swagger/", s.pageAnswer)
	return append([]resource.Operation{root, status, livez, document, yaml, page, other, s.tokenExchange()}, s.loginOperations()...)
}

func asJSON(v any) (*resource.Answer, error) {
	text, err := resource.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return &resource.Answer{Status: 200, JSON: text}, nil
}

// index lists the lists: name → absolute URL.
func (s *Server) index(c *resource.Call) (*resource.Answer, error) {
	lists := map[string]string{}
	for _, op := range s.operations {
		if op.Method == "GET" && strings.HasSuffix(op.ID, "_list") && !strings.Contains(op.Route, "{") {
			lists[strings.TrimSuffix(op.Route, "/")] = c.BaseURL() + c.Env.Names.Href(op.Route)
		}
	}
	return asJSON(lists)
}

var _ json.Marshaler = Process{}
