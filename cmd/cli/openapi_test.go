package cli

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// document is the part of the OpenAPI document that these tests look at.
type document struct {
	OpenAPI string                               `json:"openapi" yaml:"openapi"`
	Paths   map[string]map[string]map[string]any `json:"paths" yaml:"paths"`
}

func (d document) ids() []string {
	var ids []string
	for _, methods := range d.Paths {
		for _, operation := range methods {
			ids = append(ids, operation["operationId"].(string))
		}
	}
	slices.Sort(ids)
	return ids
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var whole, bindings, file, written document
	mustJSON(t, b.ok("openapi"), &whole)
	mustJSON(t, b.ok("openapi", "--bindings"), &bindings)
	mustJSON(t, b.ok("openapi", "--component", "file"), &file)
	if !strings.HasPrefix(whole.OpenAPI, "3.") || !slices.Contains(whole.ids(), "repositories_file_file_list") || !slices.Contains(whole.ids(), "tasks_list") {
		t.Errorf("%s with the operations %v", whole.OpenAPI, whole.ids())
	}
	if slices.Equal(whole.ids(), bindings.ids()) {
		t.Error("--bindings changes nothing")
	}
	if len(file.Paths) == 0 || slices.Contains(file.ids(), "tasks_list") {
		t.Errorf("the component file has %v", file.ids())
	}
	if err := yaml.Unmarshal([]byte(b.ok("openapi", "--format", "yaml")), &written); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(written.Paths)), slices.Sorted(maps.Keys(whole.Paths))) {
		t.Error("YAML has other paths than JSON")
	}
	b.fails(exitFailed, []string{`"nope"`}, "openapi", "--component", "nope")
	b.fails(exitMisused, []string{"json, yaml"}, "openapi", "--format", "xml")
}
