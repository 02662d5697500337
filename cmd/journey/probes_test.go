package journey_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/resource"
)

// junk are values that some client will send some day.
func junk() []string {
	return []string{"", "x", "null", "a,b", "-1", "NaN", "99999999999999999999", "9223372036854775807", "true", "'", `\`, "(", "a\x00b", "\xff", "ä",
		"2001-01-01", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z,0001-01-01", "prn:core.task:x", "/pulp/api/v3/tasks/", "http:///pulp/api/v3/", strings.Repeat("(", 200), strings.Repeat("NOT ", 300) + "x=1"}
}

// TestEveryFilterTakesAnything asks every list with every parameter and every piece of junk, alone and inside an expression:
// a value is taken or refused, and both backends agree.
func TestEveryFilterTakesAnything(t *testing.T) {
	t.Parallel()
	codes := make(chan map[string]int, 2)
	t.Run("ask", func(t *testing.T) {
		onEach(t, func(t *testing.T, w *world) {
			codes <- w.probe(t, w.oneOfEach(t))
		})
	})
	one, other := <-codes, <-codes
	for query, code := range one {
		if other[query] != code {
			t.Errorf("%s is answered %d on one backend and %d on the other", query, code, other[query])
		}
	}
}

// probe gives the status of each query.
func (w *world) probe(t *testing.T, o *objects) map[string]int {
	t.Helper()
	codes := map[string]int{}
	ask := func(query string) {
		route, values, _ := strings.Cut(strings.TrimPrefix(query, "/"), "?")
		answer := w.do(t, w.request(t, step{do: "GET /" + o.path(t, route) + "?" + values}, nil))
		if codes[query] = answer.Code; answer.Code != 200 && answer.Code != 400 {
			t.Errorf("GET %s answered %d: %s", query, answer.Code, answer.Body)
		}
	}
	known := map[string]bool{} // all junk goes to one filter of each family, a few pieces to the others
	for _, op := range declared().Operations() {
		if op.Short != "list" || op.Method != "GET" {
			continue
		}
		list := "/" + op.Route
		for _, p := range op.Params {
			values := junk()
			if known[kinship(p)] {
				values = values[:2]
			}
			known[kinship(p)] = true
			for i, value := range values {
				ask(list + "?" + p.Name + "=" + url.QueryEscape(value))
				if i < 4 && p.Name != "q" && !slices.Contains([]string{"limit", "offset"}, p.Name) {
					ask(list + "?q=" + url.QueryEscape("NOT "+p.Name+"='"+strings.ReplaceAll(value, "'", "")+"'"))
				}
			}
		}
		for _, name := range orderings(op) {
			if ask(list + "?ordering=" + name); codes[list+"?ordering="+name] != 200 {
				t.Errorf("%s cannot be ordered by %s", list, name)
			}
		}
	}
	return codes
}

// kinship names the filters that are read by the same code: a field's look-ups by type and look-up, others by their name.
func kinship(p resource.Param) string {
	_, lookup, isLookup := strings.Cut(p.Name, "__")
	if !isLookup {
		return p.Name
	}
	return fmt.Sprint(p.Schema["type"], p.Schema["format"], p.Schema["items"], lookup)
}

// orderings are the values that a list declares for its order.
func orderings(op resource.Operation) []string {
	for _, p := range op.Params {
		if p.Name == "ordering" {
			return p.Schema["items"].(resource.Schema)["enum"].([]string)
		}
	}
	return nil
}
