// Package noun is what a plugin declares: content, repositories, remotes, alternate content sources, publications and
// distributions of its own type. Each kind takes a plugin's row and fields, adds what the noun always has, and is a
// resource that the API mounts.
package noun

import (
	"strings"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// Kind is what every noun's declaration begins with.
type Kind struct {
	// Path is the list's path below the API root, such as "repositories/file/file".
	Path string
	// Type is the pulp_type, such as "file.file".
	Type string
	// Component names the type, such as "file.FileRepository"; the model label in PRNs and permissions follows from it.
	// Without an app before the dot it is the core's own.
	Component string
	// Table is the plugin's detail table, whose id is the noun's.
	Table string
	// Doc says in a sentence what it is.
	Doc string
}

// Model is the label in PRNs and permissions: "file.FileRepository" → "file.filerepository".
func (k Kind) Model() string {
	if !strings.Contains(k.Component, ".") {
		return "core." + strings.ToLower(k.Component)
	}
	return strings.ToLower(k.Component)
}

func (k Kind) href(id string) string { return k.Path + "/" + id + "/" }

// base are the members that all nouns begin with.
func base[M any](k Kind, get func(*M) *model.Base) []resource.Field[M] {
	return resource.BaseFields("m.", k.Model(), get, func(m *M) string { return k.href(get(m).ID) })
}

// typed is the column of the type, which the master table keeps.
func typed[M any](get func(*M) *string) resource.Field[M] { return resource.Hidden("m.pulp_type", get) }

// label are the actions set_label and unset_label.
func labels[M any](table string, id func(*M) *model.Base, get func(*M) *model.Labels) []resource.Action[M] {
	return resource.LabelActions(table, func(m *M) string { return id(m).ID }, get)
}

// text gives "" for nil.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
