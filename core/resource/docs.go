package resource

import (
	"maps"
	"slices"
	"strings"
)

// components are the schemas that a resource adds to the OpenAPI document.
func (p *prepared[M]) components() map[string]Schema {
	c := map[string]Schema{}
	if p.Component == "" {
		return c
	}
	c[p.Component+"Response"] = p.responseSchema()
	c[p.detailComponent()] = responseSchema(slices.Concat(p.Fields, p.Detail)).with("description", p.Doc)
	if p.offers(List) {
		c["Paginated"+p.Component+"ResponseList"] = pageSchema(p.Component + "Response")
	}
	if p.offers(Create) {
		c[p.Component] = requestSchema(p.Fields, false).with("description", p.Doc)
	}
	if p.offers(Update) {
		c[p.Component] = requestSchema(p.Fields, false).with("description", p.Doc)
		c["Patched"+p.Component] = requestSchema(p.Fields, true).with("description", p.Doc)
	}
	return c
}

// detailComponent is the component of one object alone, which may show more than a list does.
func (p *prepared[M]) detailComponent() string {
	if len(p.Detail) > 0 {
		return p.Component + "DetailResponse"
	}
	return p.Component + "Response"
}

func (p *prepared[M]) responseSchema() Schema {
	return responseSchema(p.Fields).with("description", p.Doc)
}

func responseSchema[M any](fields []Field[M]) Schema {
	properties := map[string]Schema{}
	var required []string
	for i := range fields {
		f := &fields[i]
		if f.hidden || f.writeOnly || f.show == nil {
			continue
		}
		s := f.described().unbounded()
		if f.readOnly {
			s = s.with("readOnly", true)
		} else if f.required {
			required = append(required, f.Name)
		}
		properties[f.Name] = s
	}
	return objectSchema(properties, required)
}

func requestSchema[M any](fields []Field[M], partial bool) Schema {
	properties := map[string]Schema{}
	var required []string
	for i := range fields {
		f := &fields[i]
		if f.hidden || f.readOnly {
			continue
		}
		s := f.described()
		if f.writeOnly {
			s = s.with("writeOnly", true)
		}
		switch {
		case partial: // a generated client would send the default of a member that nobody set, and so change it
			s = s.without("default")
		case f.required:
			required = append(required, f.Name)
		}
		properties[f.Name] = s
	}
	return objectSchema(properties, required)
}

func objectSchema(properties map[string]Schema, required []string) Schema {
	s := Schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (f *Field[M]) described() Schema {
	s := f.schema
	if f.doc != "" {
		s = s.with("description", f.doc)
	}
	if f.fallback != nil && !f.readOnly {
		s = s.with("default", f.fallback)
	}
	return s
}

func pageSchema(component string) Schema {
	return objectSchema(map[string]Schema{
		"count": {"type": "integer", "example": 123}, "next": formatSchema("uri").OrNull(), "previous": formatSchema("uri").OrNull(),
		"results": arraySchema(Ref(component)),
	}, []string{"count", "results"})
}

// SelectionParams are the parameters that choose the members of an answer; every GET has them.
func SelectionParams() []Param {
	return []Param{
		{Name: "fields", In: "query", Schema: arraySchema(stringSchema()), Explode: true},
		{Name: "exclude_fields", In: "query", Schema: arraySchema(stringSchema()), Explode: true},
	}
}

func (p *prepared[M]) listParams() []Param {
	params := []Param{
		{Name: "limit", In: "query", Schema: Schema{"type": "integer"}},
		{Name: "offset", In: "query", Schema: Schema{"type": "integer"}},
	}
	if p.Unfiltered {
		return append(params, SelectionParams()...)
	}
	params = append(params,
		Param{Name: "q", In: "query", Schema: stringSchema()},
		Param{Name: "ordering", In: "query", Schema: arraySchema(stringSchema().with("enum", p.orderings()))},
	)
	for _, name := range slices.Sorted(maps.Keys(p.filters)) {
		params = append(params, Param{Name: name, In: "query", Schema: p.filters[name].Schema})
	}
	return append(params, SelectionParams()...)
}

func (p *prepared[M]) orderings() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.ordering)) {
		names = append(names, name, "-"+name)
	}
	return names
}

// staticPath drops the parameters from a route's path.
func staticPath(path string) string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if !strings.HasPrefix(part, "{") {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// operationPrefix makes "repositories_file_file" of "repositories/file/file".
func operationPrefix(path string) string {
	return strings.NewReplacer("/", "_", "-", "_").Replace(staticPath(path))
}

// tagOf makes "Repositories: File" of "repositories/file/file", "Repositories: File Versions" of its versions,
// "Task-Groups" of "task-groups".
func tagOf(path string) string {
	parts := strings.Split(staticPath(path), "/")
	title := func(s string) string {
		b := []byte(s)
		for i := range b {
			if (i == 0 || b[i-1] == '_' || b[i-1] == '-') && b[i] >= 'a' && b[i] <= 'z' {
				b[i] -= 'a' - 'A'
			}
		}
		return string(b)
	}
	switch len(parts) {
	case 1:
		return title(parts[0])
	case 2:
		return title(parts[0]) + ": " + title(parts[1])
	}
	names := make([]string, 0, len(parts))
	for _, part := range parts[2:] {
		names = append(names, title(part))
	}
	return title(parts[0]) + ": " + strings.Join(names, " ")
}

// parentHrefName is the parameter of a nested list: the parent's.
func (p *prepared[M]) parentHrefName() string {
	parent, _, _ := strings.Cut(p.Path, "/{")
	return p.env.hrefNames[parent]
}

// named fills in the names that follow from the component's: the model label and the path parameter.
func (d *Of[M]) named() *Of[M] {
	app, class, dotted := strings.Cut(d.Component, ".")
	if !dotted {
		app, class = "core", d.Component
	}
	if d.Model == "" {
		d.Model = app + "." + strings.ToLower(class)
	}
	if d.HrefName == "" {
		d.HrefName = HrefName(d.Component)
	}
	return d
}

// HrefName is the path parameter of a component's objects: its class name split before each capital, so that
// "file.FileRepository" gives "file_file_repository_href".
func HrefName(component string) string {
	app, class, dotted := strings.Cut(component, ".")
	if !dotted {
		app, class = "core", component
	}
	var b strings.Builder
	if app != "core" {
		b.WriteString(app + "_")
	}
	for i, r := range class {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String()) + "_href"
}
