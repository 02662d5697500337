package journey_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// disguises are other ways to write a request; the words after the path are those of worn.
func disguises(method, route string) []string {
	all := []string{"letter", "doubled", "bare", "dot", "up"}
	if method == http.MethodGet {
		all = append(all, "head")
	}
	if strings.Contains(route, "{") {
		all = append(all, "digit", "slash", "case", "dashes")
	}
	return all
}

// worn is the path of a route in a disguise.
func worn(disguise, at string, o *objects, route string, t *testing.T) string {
	t.Helper()
	cut := strings.LastIndexByte(route, '{')
	prefix, id, rest := o.path(t, route), "", ""
	if cut >= 0 {
		id = o.ids[route[:cut]]
		_, rest, _ = strings.Cut(route[cut:], "}")
		prefix = o.path(t, route[:cut])
	}
	switch disguise {
	case "letter":
		return at + encoded(prefix) + id + rest
	case "digit":
		return at + prefix + encoded(id) + rest
	case "slash":
		return at + strings.TrimSuffix(prefix, "/") + "%2F" + id + rest
	case "case":
		return at + prefix + strings.ToUpper(id) + rest
	case "dashes":
		return at + prefix + strings.ReplaceAll(id, "-", "") + rest
	case "doubled":
		return at + strings.TrimSuffix(prefix, "/") + "//" + id + rest
	case "dot":
		return strings.TrimSuffix(at, "/") + "/%2e/" + prefix + id + rest
	case "up":
		return at + "status/%2e%2e/" + prefix + id + rest
	case "bare":
		return strings.TrimSuffix(at+prefix+id+rest, "/")
	}
	return at + prefix + id + rest
}

// encoded has its first character as its code.
func encoded(text string) string {
	if text == "" {
		return text
	}
	return fmt.Sprintf("%%%02x", text[0]) + text[1:]
}

func method(disguise, method string) string {
	if disguise == "head" {
		return http.MethodHead
	}
	return method
}

// disguised asks again what was refused: no disguise gets more out of it, nor learns whether the object is there.
func (m *matrix) disguised(t *testing.T, where string, p *persona, r row, plainly int) {
	t.Helper()
	all := disguises(r.op.Method, r.op.Route)
	if p.name != "plain" || r.x.letter != 'R' { // all ways to read for who sees nothing; otherwise one, which turns from route to route
		at := (len(r.op.Route) + len(r.op.Method)) % len(all)
		all = all[at : at+1]
	}
	for _, disguise := range all {
		answer := m.ask(t, p, method(disguise, r.op.Method), worn(disguise, m.rootOf(r.op), m.main, r.op.Route, t), bodyFor(r.op))
		if answer.Code < 300 {
			t.Errorf("%s is refused plainly, and as %s it is answered %d: %s", where, disguise, answer.Code, answer.Body)
		}
		if plainly == unseen {
			m.tellsNothing(t, where, p, r, disguise, answer)
		}
	}
}
