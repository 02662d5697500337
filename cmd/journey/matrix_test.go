package journey_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// matrix is a world in which every persona asks every route.
type matrix struct {
	*world
	personas []persona
	// at is what the routes stand below; domain and foreign are the hrefs of the domain there and of another one.
	at, domain, foreign string
	vars                map[string]string
	// main are the objects that everybody asks for, doomed those that a persona may delete.
	main   *objects
	doomed map[string]*objects
}

// newMatrix makes people and objects, in a domain of their own where there are domains.
func newMatrix(t *testing.T, flags map[string]string) *matrix {
	t.Helper()
	m := &matrix{world: newWorld(t, flags), personas: personas(), at: root, vars: map[string]string{"u": "m" + ident.New()[24:]}, doomed: map[string]*objects{}}
	if flags["domain_enabled"] != "" {
		m.at = "/pulp/one/api/v3/"
		for name, href := range map[string]*string{"one": &m.domain, "two": &m.foreign} {
			m.step(t, "make a domain", step{do: "POST " + domainsPath, body: `{"name":"` + name + `",` + folderClass + `,"storage_settings":{"MEDIA_ROOT":"` + m.places + `/shared"}}`, status: 201, keep: map[string]string{name: "pulp_href"}}, m.vars)
			*href = m.vars[name]
		}
	} else {
		m.step(t, "find the domain", step{do: "GET /domains/?name=default", status: 200, keep: map[string]string{"one": "results.0.pulp_href"}}, m.vars)
		m.domain = m.vars["one"]
		// The artifact distribution is in the default domain alone.
		admin := m.persona("domainadmin")
		admin.inDomain = append(admin.inDomain, "core.view_artifactdistribution")
	}
	m.vars["at"] = strings.TrimSuffix(m.at, "/")
	m.people(t)
	owner := m.persona("owner")
	m.main = m.objectsOf(t, owner.as, m.at)
	m.share(t, m.main, "viewer", "owner")
	return m
}

func (m *matrix) persona(name string) *persona {
	return &m.personas[slices.IndexFunc(m.personas, func(p persona) bool { return p.name == name })]
}

// TestTheMatrix asks every route as everybody, and in every disguise of the path where the answer was no.
func TestTheMatrix(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		flags    func(t *testing.T) map[string]string
		disguise bool
		// who are the personas that ask; nil for all.
		who []string
	}{
		"SQLite":     {func(*testing.T) map[string]string { return nil }, true, nil},
		"domains":    {func(*testing.T) map[string]string { return map[string]string{"domain_enabled": "true"} }, false, []string{"plain", "domainadmin", "foreigner"}},
		"PostgreSQL": {backends()["PostgreSQL"], false, []string{"plain", "viewer", "owner", "domainadmin"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t, one.flags(t))
			for i := range m.personas {
				if p := &m.personas[i]; one.who == nil || slices.Contains(one.who, p.name) {
					m.askAll(t, p, one.disguise)
				}
			}
		})
	}
}

// row is a route of the API with what the table says of it.
type row struct {
	op resource.Operation
	x  expectation
}

// rows are the routes with what does away with an object last: by nouns, what is nested before its parents.
func rows(t *testing.T) []row {
	t.Helper()
	table, all := expectations(), []row{}
	for _, op := range declared().Operations() {
		x, known := table[op.Method+" "+op.Route]
		if !known {
			t.Fatalf("%s %s is in no table: say in endpoints() who may use it", op.Method, op.Route)
		}
		all = append(all, row{op, x})
	}
	rank := func(r row) string {
		noun, _, _ := strings.Cut(r.op.Route, "/")
		return fmt.Sprintf("%v %s %d %s", r.op.Method == "DELETE", noun, 9-strings.Count(r.op.Route, "{"), r.op.Route)
	}
	slices.SortStableFunc(all, func(a, b row) int { return strings.Compare(rank(a), rank(b)) })
	return all
}

func (m *matrix) askAll(t *testing.T, p *persona, disguise bool) {
	t.Helper()
	for _, r := range rows(t) {
		want := p.expects(r.x, r.op.Method, r.op.Route)
		o := m.main
		if want == allowed && r.x.letter == 'D' {
			o = m.toDelete(t, p)
		}
		where := r.op.Method + " " + r.op.Route + " of " + p.name
		path := m.rootOf(r.op) + o.path(t, r.op.Route)
		answer := m.ask(t, p, r.op.Method, path, bodyFor(r.op))
		if got := classOf(answer.Code); got != want {
			t.Errorf("%s is answered %d, want %d (0 for any other): %s", where, answer.Code, want, answer.Body)
			continue
		}
		if r.x.letter == 'L' && answer.Code == http.StatusOK {
			m.shrunk(t, p, r, o, answer.Body.String())
		}
		if want == unseen || want == refusal && r.x.rule == auth.Superusers && r.x.onObject && r.x.on == "" && r.x.sight != nil {
			m.tellsNothing(t, where, p, r, "", answer)
		}
		if disguise && want != allowed && slices.Contains([]string{"anonymous", "plain", "viewer", "reader"}, p.name) {
			m.disguised(t, where, p, r, want)
		}
	}
}

// toDelete are objects that a persona may delete, made when the first of them is wanted.
func (m *matrix) toDelete(t *testing.T, p *persona) *objects {
	t.Helper()
	if m.doomed[p.name] == nil {
		m.doomed[p.name] = m.objectsOf(t, m.persona("owner").as, m.at)
		if p.name == "owner" {
			m.share(t, m.doomed[p.name], p.name)
		}
	}
	return m.doomed[p.name]
}

// rootOf is what the route stands below.
func (m *matrix) rootOf(op resource.Operation) string {
	if op.Site {
		return root
	}
	return m.at
}

// ask sends a request as somebody.
func (m *matrix) ask(t *testing.T, p *persona, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, m.url+path, bytes.NewBufferString(body))
	must(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if name, password, given := strings.Cut(p.as, ":"); given {
		r.SetBasicAuth(name, password)
	}
	if p.bearer != "" {
		r.Header.Set("Authorization", p.bearer)
	}
	return m.do(t, r)
}

// bodyFor is a body that no operation takes, so that one which is allowed changes nothing.
func bodyFor(op resource.Operation) string {
	switch {
	case op.Request == nil:
		return ""
	case op.Route == "tasks/purge/":
		return `{"states":["none"]}`
	}
	return `{"no such member":1}`
}

func classOf(code int) int {
	switch code {
	case loginFor, refusal, unseen:
		return code
	}
	return allowed
}

// shrunk looks whether a list shows the objects that the persona sees, and no others.
func (m *matrix) shrunk(t *testing.T, p *persona, r row, o *objects, body string) {
	t.Helper()
	kinds := []expectation{r.x}
	if _, whole := generic()[r.op.Route]; whole {
		kinds = nil
		for _, x := range expectations() {
			if x.letter == 'R' && (strings.HasPrefix(x.path, r.op.Route) || r.op.Route == "repository_versions/" && strings.HasSuffix(x.path, "/versions/")) && (r.op.Route != "repositories/" || x.on == "") {
				kinds = append(kinds, x)
			}
		}
	}
	for _, x := range kinds {
		at := m.at
		if x.site && at != root { // what belongs to no domain has its path in the default one
			at = "/pulp/default/api/v3/"
		}
		href := `"pulp_href":"` + at + o.path(t, x.path) + o.ids[x.path] + `/"`
		if x.model == "core.groupuser" {
			href = `"pulp_href":"` + at + "users/" + o.ids[x.path] + `/"`
		}
		if strings.Contains(body, `"next":null`) && strings.Contains(body, href) != p.sees(x) {
			t.Errorf("the list %s of %s shows %s: %v", r.op.Route, p.name, href, !p.sees(x))
		}
		if strings.Contains(body, href) && !p.sees(x) {
			t.Errorf("the list %s shows %s to %s", r.op.Route, href, p.name)
		}
	}
}

// tellsNothing compares the answer about an object that is not seen with the one about an object that is not there.
func (m *matrix) tellsNothing(t *testing.T, where string, p *persona, r row, disguise string, there *httptest.ResponseRecorder) {
	t.Helper()
	none := m.main.without(r.op.Route)
	path := worn(disguise, m.rootOf(r.op), none, r.op.Route, t)
	other := m.ask(t, p, method(disguise, r.op.Method), path, bodyFor(r.op))
	if there.Code != other.Code || told(there, m.main, r.op.Route) != told(other, none, r.op.Route) {
		t.Errorf("%s %s: what is not seen is answered %d %s, what is not there %d %s", where, disguise, there.Code, there.Body, other.Code, other.Body)
	}
}

// told is what an answer says, without the identity that was asked for.
func told(a *httptest.ResponseRecorder, o *objects, route string) string {
	id := o.ids[route[:strings.LastIndexByte(route, '{')]]
	text := a.Body.String() + a.Header().Get("Location") + a.Header().Get("Allow")
	for _, spelling := range []string{id, strings.ToUpper(id), encoded(id), strings.ReplaceAll(id, "-", "")} {
		text = strings.ReplaceAll(text, "/"+spelling+"/", "/ID/")
	}
	return text
}
