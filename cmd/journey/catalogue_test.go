package journey_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/resource"
)

// letters are the standard operations as docs/catalogue.md writes them.
func letters() map[string]string {
	return map[string]string{"list": "L", "create": "C", "read": "R", "update": "U", "partial_update": "P", "delete": "D"}
}

// catalogued reads the rows of docs/catalogue.md: path → what is served now.
func catalogued(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/catalogue.md")
	must(t, err)
	rows := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)`[^|]* \\| ([^|]*)\\|").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = strings.Fields(row[2])
	}
	return rows
}

func TestTheCatalogueIsTrue(t *testing.T) {
	t.Parallel()
	rows, served := catalogued(t), map[string][]string{}
	for _, op := range declared().Operations() {
		if op.ID != "" {
			path, name := entry(rows, op)
			served[path] = append(served[path], name)
		}
	}
	for path, now := range rows {
		slices.Sort(now)
		slices.Sort(served[path])
		if !slices.Equal(now, served[path]) {
			t.Errorf("docs/catalogue.md says that %s serves %v, and it serves %v", path, now, served[path])
		}
		delete(served, path)
	}
	for path, names := range served {
		t.Errorf("docs/catalogue.md does not know %s with %v", path, names)
	}
}

// entry is the row that an operation belongs to, the one with the longest path, and its word there.
func entry(rows map[string][]string, op resource.Operation) (path, name string) {
	for row := range rows {
		if strings.HasPrefix(op.Route, row) && len(row) > len(path) {
			path = row
		}
	}
	name = op.Short
	if name == "" {
		name = strings.TrimPrefix(op.ID, strings.NewReplacer("-", "_", "/", "_").Replace(strings.TrimSuffix(path, "/"))+"_")
	}
	if letter, standard := letters()[name]; standard {
		return path, letter
	}
	return path, name
}
