// Package core_test checks the rules of the architecture on the whole tree: which way imports point, which library
// has which door, what packages may hold, and what must be documented. Each check is tried on a small tree that
// breaks its rule too, in arch_self_test.go.
package core_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// layers lists the units from the bottom up; an import points to a lower layer. A unit is a folder right below core
// or plugins, or a top-level folder, with everything in it.
var layers = [][]string{
	{"core/errs", "core/ident", "core/config", "core/listen", "core/obs", "core/secret"},
	{"core/model", "core/db", "core/storage"},
	{"core/artifact", "core/repository", "core/publication", "core/domain", "core/remote", "core/pipeline", "core/task", "core/event", "core/auth", "core/audit", "core/reseal"},
	{"core/resource", "core/provider", "core/serve", "core/federation"},
	{"core/noun"},
	{"core/app", "core/guard"},
	{"core/base", "core/api"},
	{"plugins/*", "tasks", "content", "migrations", "web", "webserver_snippets", "installer"},
	{"plugins"}, // the list of the plugins that a binary is built of
	{"cmd", "changes"},
}

// sideways lists the imports that are allowed between units of one layer.
var sideways = map[string][]string{
	"core/ident":       {"core/errs"},
	"core/config":      {"core/errs"},
	"core/obs":         {"core/errs"},
	"core/secret":      {"core/errs"},
	"core/artifact":    {"core/task"},
	"core/auth":        {"core/audit"},
	"core/repository":  {"core/artifact", "core/task"},
	"core/publication": {"core/artifact", "core/repository", "core/task"},
	"core/remote":      {"core/artifact"},
	"core/pipeline":    {"core/artifact", "core/repository", "core/remote", "core/task"},
}

// testkit is for tests only and stands outside the layers.
const testkit = "core/testkit"

// door names the folders that may import a library, given by the start of its path.
type door struct {
	library string
	rooms   []string
}

var doors = []door{
	{"github.com/hibiken/asynq", []string{"tasks", "cmd/bench"}}, // the bench has plain asynq as a peer
	{"github.com/redis/", []string{"tasks", "content/answers", "core/event/redis", testkit}},
	{"github.com/alicebob/miniredis", []string{"tasks", "core/event/redis", "cmd/bench"}},
	{"github.com/gofiber/", []string{"core/api", "core/resource", "content"}},
	{"github.com/valyala/fasthttp", []string{"core/api", "core/resource", "content"}},
	{"github.com/minio/", []string{"core/storage/s3"}},
	{"github.com/knadh/koanf", []string{"core/config"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/go-ldap/", []string{"core/federation/ldap", testkit}},
	{"github.com/coreos/go-oidc/", []string{"core/federation/oidc"}},
	{"golang.org/x/oauth2", []string{"core/federation/oidc"}},
	{"github.com/go-git/", []string{"plugins/file/gitsource"}},
	{"github.com/itchyny/gojq", []string{"core/auth", "core/guard"}},
	{"github.com/prometheus/", []string{"core/obs/metric"}},
	{"go.opentelemetry.io/", []string{"core/obs/trace", testkit}},
	{"github.com/robfig/cron", []string{"core/task"}},
}

// machines are what a plugin is given to; they never know one.
var machines = []string{"core", "tasks", "content", "migrations", "web", "webserver_snippets", "installer"}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	checkLayers(checkout(t)).report(t)
}

func TestALibraryHasOneDoor(t *testing.T) {
	t.Parallel()
	tree := checkout(t)
	checkDoors(tree).report(t)
	checkGorm(tree).report(t)
}

func TestPluginsAreKnownToNobody(t *testing.T) {
	t.Parallel()
	checkPlugins(checkout(t)).report(t)
}

func TestTheTestkitIsForTests(t *testing.T) {
	t.Parallel()
	checkTestkit(checkout(t)).report(t)
}

// unit gives the unit of a folder.
func unit(dir string) string {
	parts := strings.Split(dir, "/")
	if (parts[0] == "core" || parts[0] == "plugins") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// layer gives the number of a unit's layer, -1 for a unit that nobody has placed.
func layer(unit string) int {
	return slices.IndexFunc(layers, func(units []string) bool {
		return slices.ContainsFunc(units, func(pattern string) bool {
			matched, err := path.Match(pattern, unit)
			return err == nil && matched
		})
	})
}

// ours gives the unit of an import that belongs to this module.
func ours(imported string) (string, bool) {
	dir, found := strings.CutPrefix(imported, module+"/")
	return unit(dir), found
}

func checkLayers(t *tree) (found offences) {
	for _, s := range t.shipped() {
		from := unit(s.dir)
		if from == testkit {
			continue
		}
		if layer(from) < 0 {
			found.add(s.path, "%s has no layer: decide where it belongs and add it to layers in core/arch_test.go", from)
			continue
		}
		for _, imported := range s.imports {
			to, mine := ours(imported)
			if !mine || to == from || to == testkit { // testkit has a check of its own
				continue
			}
			if layer(to) >= layer(from) && !slices.Contains(sideways[from], to) {
				found.add(s.path, "%s must not know %s: imports point down, see layers in core/arch_test.go", from, to)
			}
		}
	}
	return found
}

func checkDoors(t *tree) (found offences) {
	live := map[string]string{} // plugin → its file with a live API
	for _, s := range t.shipped() {
		for _, imported := range s.imports {
			at := slices.IndexFunc(doors, func(d door) bool { return strings.HasPrefix(imported, d.library) })
			if at < 0 || within(s.dir, doors[at].rooms...) {
				continue
			}
			if web := doors[at].rooms[0] == "core/api"; web && within(s.dir, "plugins") {
				plugin := unit(s.dir)
				if first, taken := live[plugin]; taken && first != s.path {
					found.add(s.path, "%s is imported by %s already: a plugin declares its live API in one file", imported, first)
				}
				live[plugin] = s.path
				continue
			}
			found.add(s.path, "%s is only for %s", imported, strings.Join(doors[at].rooms, ", "))
		}
	}
	return found
}

func checkGorm(t *tree) (found offences) {
	for _, s := range t.shipped() {
		for _, imported := range s.imports {
			if strings.HasPrefix(imported, "gorm.io/") && layer(unit(s.dir)) == 0 {
				found.add(s.path, "%s may appear from core/model upwards only", imported)
			}
		}
	}
	return found
}

func checkPlugins(t *tree) (found offences) {
	for _, s := range t.files {
		from := unit(s.dir)
		for _, imported := range s.imports {
			to, mine := ours(imported)
			if !mine || !within(to, "plugins") || to == from {
				continue
			}
			if within(s.dir, "plugins") && from != "plugins" {
				found.add(s.path, "%s must not know %s: core types are where plugins meet", from, to)
			} else if within(s.dir, machines...) {
				found.add(s.path, "%s must not know a plugin (%s): only cmd does", from, to)
			}
		}
	}
	return found
}

// checkTestkit lets the fault harness, a program that is a test, use what tests use.
func checkTestkit(t *tree) (found offences) {
	for _, s := range t.shipped() {
		for _, imported := range s.imports {
			if to, mine := ours(imported); mine && to == testkit && !within(s.dir, testkit, "cmd/chaos") {
				found.add(s.path, "%s is only for _test.go files", imported)
			}
		}
	}
	return found
}
