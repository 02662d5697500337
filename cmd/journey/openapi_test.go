package journey_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/api"
)

// golden is the document that is kept in the tree, so that a change of the API shows in a review.
const golden = "../../docs/openapi.json"

func TestTheDocumentIsKept(t *testing.T) {
	t.Parallel()
	text, err := declared().Document(api.DocumentOptions{Server: "http://localhost:24817"})
	must(t, err)
	text = append(text, '\n')
	if os.Getenv("UPDATE") != "" {
		must(t, os.WriteFile(filepath.FromSlash(golden), text, 0o644))
	}
	kept, err := os.ReadFile(filepath.FromSlash(golden))
	must(t, err)
	if !bytes.Equal(kept, text) {
		t.Fatal("docs/openapi.json is not what the API declares; write it with UPDATE=1 go test ./cmd/journey -run Document")
	}
}

// document is the part of OpenAPI that clients rely on.
type document struct {
	OpenAPI    string
	Info       map[string]any
	Servers    []map[string]string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]map[string]any
		SecuritySchemes map[string]any
	}
}

type operation struct {
	OperationID string
	Tags        []string
	Parameters  []struct {
		Name, In, Style   string
		Required, Explode *bool
		Schema            map[string]any
		AllowReserved     any
	}
	RequestBody *struct {
		Required bool
		Content  map[string]map[string]map[string]any
	}
	Responses map[string]struct {
		Description string
		Content     map[string]map[string]map[string]any
	}
	Security []map[string][]string
}

func read(t *testing.T, o api.DocumentOptions) (document, []byte) {
	t.Helper()
	text, err := declared().Document(o)
	must(t, err)
	var d document
	must(t, json.Unmarshal(text, &d))
	return d, text
}

// each visits all operations.
func (d document) each(visit func(path, method string, op operation)) {
	for path, methods := range d.Paths {
		for method, op := range methods {
			visit(path, method, op)
		}
	}
}

var (
	reference = regexp.MustCompile(`"\$ref": "([^"]*)"`)
	inPath    = regexp.MustCompile(`\{([a-z0-9_]+)\}`)
)

// TestTheDocumentIsValid checks what generated and generic clients rely on (rest-contract §6.1 to §6.6).
func TestTheDocumentIsValid(t *testing.T) {
	t.Parallel()
	d, text := read(t, api.DocumentOptions{Server: "http://x"})
	if d.OpenAPI != "3.1.1" || d.Info["version"] != "v3" || d.Info["title"] != "Pulp 3 API" || d.Info["x-pulp-domain-enabled"] != false || d.Servers[0]["url"] != "http://x" {
		t.Errorf("the head of the document is %v %v %v", d.OpenAPI, d.Info, d.Servers)
	}
	for _, found := range reference.FindAllStringSubmatch(string(text), -1) {
		name, ok := strings.CutPrefix(found[1], "#/components/schemas/")
		if _, there := d.Components.Schemas[name]; !ok || !there {
			t.Errorf("the reference %s leads nowhere", found[1])
		}
	}
	ids := map[string]string{}
	d.each(func(path, method string, op operation) {
		where := method + " " + path
		if before, twice := ids[op.OperationID]; twice || op.OperationID == "" {
			t.Errorf("%s has the operation id %q of %s", where, op.OperationID, before)
		}
		ids[op.OperationID] = where
		checkParameters(t, where, path, method, op)
		checkBodies(t, where, op)
	})
	for name, schema := range d.Components.Schemas {
		checkComponent(t, name, schema)
	}
}

func checkParameters(t *testing.T, where, path, method string, op operation) {
	t.Helper()
	wanted := inPath.FindAllStringSubmatch(path, -1)
	if len(wanted) > 1 {
		t.Errorf("%s has more than one parameter in its path", where)
	}
	seen := map[string]bool{}
	for _, p := range op.Parameters {
		if seen[p.In+p.Name] {
			t.Errorf("%s declares %s twice", where, p.Name)
		}
		seen[p.In+p.Name] = true
		switch {
		case p.Schema["type"] == nil:
			t.Errorf("%s: %s has no type", where, p.Name)
		case p.In == "path" && (p.Required == nil || !*p.Required || len(wanted) == 0 || wanted[0][1] != p.Name):
			t.Errorf("%s: the path parameter %s is not required or not in the path", where, p.Name)
		case (strings.HasSuffix(p.Name, "__in") || strings.HasSuffix(p.Name, "__range") || p.Name == "ordering") &&
			(p.Schema["type"] != "array" || p.Style != "form" || p.Explode == nil || *p.Explode):
			t.Errorf("%s: %s is not a comma list", where, p.Name)
		case p.In == "query" && strings.Contains(p.Name, "pulp_created") && !slices.Contains([]string{"pulp_created__isnull", "pulp_created__range"}, p.Name) && p.Schema["format"] != "date-time":
			t.Errorf("%s: %s is no moment", where, p.Name)
		case p.AllowReserved != nil:
			t.Errorf("%s: %s may not carry allowReserved", where, p.Name)
		}
		checkEnum(t, where+" "+p.Name, p.Schema)
	}
	if !seen["headerX-Task-Diagnostics"] || len(wanted) == 1 && !seen["path"+wanted[0][1]] {
		t.Errorf("%s lacks a parameter: %v", where, seen)
	}
	if method == "get" && strings.HasSuffix(op.OperationID, "_list") && (!seen["querylimit"] || !seen["queryoffset"] || !seen["queryfields"] || !seen["queryexclude_fields"]) {
		t.Errorf("%s lacks a parameter of lists: %v", where, seen)
	}
}

// checkEnum: clients take only texts as choices.
func checkEnum(t *testing.T, where string, schema map[string]any) {
	t.Helper()
	if items, ok := schema["items"].(map[string]any); ok {
		checkEnum(t, where, items)
	}
	choices, _ := schema["enum"].([]any)
	for _, one := range choices {
		if _, ok := one.(string); !ok {
			t.Errorf("%s: the choice %v is no text", where, one)
		}
	}
}

func checkBodies(t *testing.T, where string, op operation) {
	t.Helper()
	if body := op.RequestBody; body != nil {
		_, plain := body.Content["application/json"]
		if !body.Required || body.Content["multipart/form-data"] == nil || body.Content["application/x-www-form-urlencoded"] == nil {
			t.Errorf("%s: the body is %v", where, body)
		}
		if files := slices.Contains([]string{"artifacts_create", "uploads_update", "content_file_files_create", "content_file_files_upload"}, op.OperationID); files == plain {
			t.Errorf("%s: JSON in the body is %v", where, plain)
		}
	}
	if len(op.Responses) == 0 {
		t.Errorf("%s has no answers", where)
	}
	for status, answer := range op.Responses {
		if answer.Description == "" {
			t.Errorf("%s: the answer %s has no description", where, status)
		}
		for kind, media := range answer.Content {
			if media["schema"] == nil {
				t.Errorf("%s: the answer %s has no schema for %s", where, status, kind)
			}
		}
	}
}

func checkComponent(t *testing.T, name string, schema map[string]any) {
	t.Helper()
	response := strings.HasSuffix(name, "Response") || strings.HasSuffix(name, "ResponseList")
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for member, raw := range properties {
		property := raw.(map[string]any)
		checkEnum(t, name+"."+member, property)
		if property["readOnly"] == true && (!response || slices.Contains(required, any(member))) && name != "UnsetLabelResponse" {
			t.Errorf("%s.%s is read-only and in a request, or required", name, member)
		}
		if property["writeOnly"] == true && response {
			t.Errorf("%s.%s is write-only and in an answer", name, member)
		}
	}
	for _, member := range required {
		if properties[member.(string)] == nil {
			t.Errorf("%s requires %v, which it does not have", name, member)
		}
	}
}

// TestOneComponentHasOneSchema: what two resources declare under one name must be one thing.
func TestOneComponentHasOneSchema(t *testing.T) {
	t.Parallel()
	known := map[string]string{}
	for _, op := range declared().Operations() {
		for name, schema := range op.Components {
			text, err := json.Marshal(schema)
			must(t, err)
			if before, twice := known[name]; twice && before != string(text) {
				t.Errorf("%s is declared in two ways:\n%s\n%s", name, before, text)
			}
			known[name] = string(text)
		}
	}
}

// TestOperationsThatClientsCall: ids, paths and tags by which clients find the operations (rest-contract §2.0, §6.2, §6.3).
func TestOperationsThatClientsCall(t *testing.T) {
	t.Parallel()
	d, _ := read(t, api.DocumentOptions{})
	found := map[string]string{}
	d.each(func(path, method string, op operation) {
		found[op.OperationID] = method + " " + path + " " + strings.Join(op.Tags, ",")
	})
	for id, want := range map[string]string{
		"status_read":                            "get /pulp/api/v3/status/ Status",
		"artifacts_read":                         "get {artifact_href} Artifacts",
		"uploads_update":                         "put {upload_href} Uploads",
		"uploads_commit":                         "post {upload_href}commit/ Uploads",
		"tasks_cancel":                           "patch {task_href} Tasks",
		"tasks_purge":                            "post /pulp/api/v3/tasks/purge/ Tasks",
		"task_groups_list":                       "get /pulp/api/v3/task-groups/ Task-Groups",
		"content_file_files_create":              "post /pulp/api/v3/content/file/files/ Content: Files",
		"content_file_files_read":                "get {file_file_content_href} Content: Files",
		"repositories_list":                      "get /pulp/api/v3/repositories/ Repositories",
		"repositories_file_file_partial_update":  "patch {file_file_repository_href} Repositories: File",
		"repositories_file_file_modify":          "post {file_file_repository_href}modify/ Repositories: File",
		"repositories_file_file_set_label":       "post {file_file_repository_href}set_label/ Repositories: File",
		"repositories_file_file_versions_list":   "get {file_file_repository_href}versions/ Repositories: File Versions",
		"repositories_file_file_versions_read":   "get {file_file_repository_version_href} Repositories: File Versions",
		"repositories_file_file_versions_delete": "delete {file_file_repository_version_href} Repositories: File Versions",
		"repository_versions_list":               "get /pulp/api/v3/repository_versions/ Repository_Versions",
		"publications_file_file_delete":          "delete {file_file_publication_href} Publications: File",
		"distributions_file_file_update":         "put {file_file_distribution_href} Distributions: File",
		"login":                                  "post /pulp/api/v3/login/ Login",
		"docs_api_json_get":                      "get /pulp/api/v3/docs/api.json Docs: Api.Json",
	} {
		if found[id] != want {
			t.Errorf("%s is %q, want %q", id, found[id], want)
		}
	}
}
