package journey_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/ident"
)

// given is a role that somebody has: everywhere, in the domain, or on an object.
type given struct {
	permissions []string
	level       string
	object      string
}

// grantees are users with random roles, by themselves and through groups.
type grantees struct {
	*matrix
	random *rand.Rand
	sets   []*objects
	// roles are what each user has.
	roles map[string][]given
	// own are roles of the test with their permissions.
	own map[string][]string
}

// TestListsShowWhatMayBeRead gives roles at random: what lists show, by whatever filter, is what can be read, and what
// follows from the roles.
func TestListsShowWhatMayBeRead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		g := &grantees{matrix: &matrix{world: w, at: root, vars: map[string]string{"u": "p" + ident.New()[24:], "at": strings.TrimSuffix(root, "/")}},
			random: rand.New(rand.NewPCG(seed, 0)), roles: map[string][]given{}, own: map[string][]string{}}
		for range 3 {
			g.sets = append(g.sets, w.objectsOf(t, "", root))
		}
		g.deal(t)
		table := expectations()
		for _, user := range slices.Sorted(maps.Keys(g.roles)) {
			for _, route := range slices.Sorted(maps.Keys(table)) {
				if x := table[route]; x.letter == 'L' && strings.Contains(x.verbs, "R") && len(x.sight) != 0 || x.letter == 'L' && x.sight == nil && strings.Contains(x.verbs, "R") {
					g.compare(t, user, x)
				}
			}
			g.compareWhole(t, user)
			g.refer(t, user)
		}
	})
}

// deal makes users, groups and roles, and gives roles at random.
func (g *grantees) deal(t *testing.T) {
	t.Helper()
	do := func(s step) { t.Helper(); g.step(t, "deal "+s.do, s, g.vars) }
	kinds := append(append(shared(), "core.group", "core.domain"), certguards()...)
	for _, name := range []string{"a", "b", "c", "d"} {
		role := "role" + name + g.vars["u"]
		for range 3 {
			g.own[role] = append(g.own[role], permits("view", kinds[g.random.IntN(len(kinds))])...)
		}
		do(step{do: "POST {at}/roles/", body: `{"name":"` + role + `","permissions":["` + strings.Join(g.own[role], `","`) + `"]}`, status: 201})
	}
	groups := map[string][]given{}
	for _, group := range []string{"g", "h"} {
		do(step{do: "POST {at}/groups/", body: `{"name":"` + group + `{u}"}`, status: 201, keep: map[string]string{group: "pulp_href"}})
		for range 5 {
			groups[group] = append(groups[group], g.give(t, group, kinds)...)
		}
	}
	for i, user := range []string{"ann", "bob", "cat", "dan"} {
		do(step{do: "POST {at}/users/", body: `{"username":"` + user + `{u}","password":"` + word + `"}`, status: 201, keep: map[string]string{user: "pulp_href"}})
		g.roles[user] = []given{}
		for range i * 4 {
			g.roles[user] = append(g.roles[user], g.give(t, user, kinds)...)
		}
		for group, roles := range groups {
			if g.random.IntN(3) == 0 {
				do(step{do: "POST {" + group + "}users/", body: `{"username":"` + user + `{u}"}`, status: 201})
				g.roles[user] = append(g.roles[user], roles...)
			}
		}
	}
}

// give gives a random role at a random level; nothing when somebody has it there already.
func (g *grantees) give(t *testing.T, to string, kinds []string) []given {
	t.Helper()
	model := kinds[g.random.IntN(len(kinds))]
	role, one := model+[]string{"_viewer", "_owner"}[g.random.IntN(2)], given{permissions: permits("view", model)}
	if roles := slices.Sorted(maps.Keys(g.own)); g.random.IntN(3) == 0 || slices.Contains(certguards(), model) {
		role = roles[g.random.IntN(len(roles))]
		one.permissions = g.own[role]
		app, name, _ := strings.Cut(one.permissions[0], ".view_")
		model = app + "." + name
	}
	body := `"content_object":null`
	switch g.random.IntN(8) {
	case 0:
		one.level = "everywhere"
	case 1:
		if model == "core.group" || model == "core.domain" {
			return nil
		}
		one.level, body = "domain", body+`,"domain":"`+g.sets[0].vars["domain"]+`"`
	default:
		set := g.sets[g.random.IntN(len(g.sets))]
		one.level, one.object = "object", set.hrefOf(model)
		body = `"content_object":"` + one.object + `"`
	}
	answer := g.do(t, g.request(t, step{do: "POST {" + to + "}roles/", body: `{"role":"` + role + `",` + body + `}`}, g.vars))
	if answer.Code == 400 && strings.Contains(answer.Body.String(), "already") {
		return nil
	}
	if answer.Code != 201 {
		t.Fatalf("%s on %s is not given: %d %s", role, body, answer.Code, answer.Body)
	}
	return []given{one}
}

// hrefOf is the href of the set's object of a model.
func (o *objects) hrefOf(model string) string {
	for _, e := range endpoints() {
		if e.model == model && e.on == "" {
			return o.at + e.path + o.ids[e.path] + "/"
		}
	}
	return ""
}

// sees is what follows from the roles: whether a user sees the object of a set of the kind of a list.
func (g *grantees) sees(user string, x expectation, o *objects) bool {
	sight := x.sight
	if sight == nil {
		view, _ := x.may("view").Permission()
		sight = []string{view + "@" + x.model}
	}
	return slices.ContainsFunc(sight, func(one string) bool {
		permission, model, _ := strings.Cut(one, "@")
		return slices.ContainsFunc(g.roles[user], func(r given) bool {
			return slices.Contains(r.permissions, permission) && (r.level == "everywhere" || r.level == "domain" && !x.site || r.level == "object" && r.object == o.hrefOf(model))
		})
	})
}

// get asks as a user and gives the status, and the hrefs and the count of a list.
func (g *grantees) get(t *testing.T, user, path string) (status int, hrefs []string, count int) {
	t.Helper()
	answer := g.do(t, g.request(t, step{as: user + g.vars["u"] + ":" + word, do: "GET " + path}, g.vars))
	var page struct {
		Count   int
		Results []struct {
			Href string `json:"pulp_href"`
		}
	}
	if answer.Code == 200 {
		_ = json.Unmarshal(answer.Body.Bytes(), &page) // an object has other members
	}
	for _, r := range page.Results {
		hrefs = append(hrefs, r.Href)
	}
	return answer.Code, hrefs, page.Count
}

// compare looks at one list of a user.
func (g *grantees) compare(t *testing.T, user string, x expectation) {
	t.Helper()
	if x.model == "core.token" || x.model == "core.auditentry" {
		return // no role shows a token; the log grows while it is read
	}
	if strings.Contains(x.path, "{") {
		g.compareNested(t, user, x)
		return
	}
	var all, want []string
	for _, o := range g.sets {
		href := g.at + x.path + o.ids[x.path] + "/"
		seen := g.sees(user, x, o)
		if status, _, _ := g.get(t, user, href); (status == 200) != seen || status != 200 && status != 404 {
			t.Errorf("%s reads %s: %d, and by the roles he sees it: %v", user, href, status, seen)
		}
		if all = append(all, href); seen {
			want = append(want, href)
		}
	}
	// One domain is shared by all sets.
	all, want = slices.Compact(all), slices.Compact(want)
	slices.Sort(want)
	in := url.QueryEscape(strings.Join(all, ","))
	queries := []string{"?limit=1000", "?limit=1000&fields=pulp_href", "?limit=1000&ordering=-pulp_created"}
	if x.model != "core.taskgroup" && x.model != "core.group" {
		queries = append(queries, "?pulp_href__in="+in, "?q="+url.QueryEscape("pulp_href__in='"+strings.Join(all, ",")+"'"), "?q="+url.QueryEscape("NOT pulp_href__in='"+g.at+x.path+ident.New()+"/'")+"&limit=1000")
	}
	for _, query := range queries {
		status, hrefs, count := g.get(t, user, g.at+x.path+query)
		shown := slices.DeleteFunc(slices.Clone(hrefs), func(href string) bool { return !slices.Contains(all, href) })
		slices.Sort(shown)
		if query == queries[2] && status == 400 {
			continue
		}
		if status != 200 || count != len(hrefs) || !slices.Equal(shown, want) {
			t.Errorf("%s lists %s%s: %d, %d of %d, %v; by the roles %v", user, x.path, query, status, len(hrefs), count, shown, want)
		}
		for _, href := range hrefs {
			if slices.Contains(all, href) || query != queries[0] {
				continue
			}
			if status, _, _ := g.get(t, user, href); status != 200 {
				t.Errorf("%s is shown %s and may not read it: %d", user, href, status)
			}
		}
		if status, _, least := g.get(t, user, g.at+x.path+strings.ReplaceAll(query, "limit=1000", "limit=1")); status != 200 || least != count {
			t.Errorf("%s%s counts %d for %s, and %d by pages of one", x.path, query, count, user, least)
		}
	}
}

// compareNested looks at what stands below one object of each set.
func (g *grantees) compareNested(t *testing.T, user string, x expectation) {
	t.Helper()
	for _, o := range g.sets {
		list := g.at + o.path(t, x.path)
		status, hrefs, _ := g.get(t, user, list)
		one, _, _ := g.get(t, user, list+o.ids[x.path]+"/")
		if seen := g.sees(user, x, o); (status == 200) != seen || (one == 200) != seen || seen && !slices.Contains(hrefs, list+o.ids[x.path]+"/") {
			t.Errorf("%s asks for %s: %d, one of it: %d, and by the roles he sees them: %v", user, list, status, one, seen)
		}
	}
}

// compareWhole looks at the lists of everything of a noun.
func (g *grantees) compareWhole(t *testing.T, user string) {
	t.Helper()
	for whole := range generic() {
		_, hrefs, count := g.get(t, user, g.at+whole+"?limit=1000")
		if count != len(hrefs) {
			t.Errorf("%s counts %d for %s and shows %d", whole, count, user, len(hrefs))
		}
		for _, x := range expectations() {
			nested := strings.Contains(x.path, "/versions/")
			if x.letter != 'R' || nested != (whole == "repository_versions/") || !nested && !strings.HasPrefix(x.path, whole) {
				continue
			}
			for _, o := range g.sets {
				href := g.at + o.path(t, x.path) + o.ids[x.path] + "/"
				if slices.Contains(hrefs, href) != g.sees(user, x, o) {
					t.Errorf("%s shows %s to %s: %v", whole, href, user, !g.sees(user, x, o))
				}
			}
		}
	}
}

// refer names objects in a body: what is taken is what is seen.
func (g *grantees) refer(t *testing.T, user string) {
	t.Helper()
	g.step(t, "may create", step{do: "POST {" + user + "}roles/", body: `{"role":"file.filedistribution_creator","content_object":null}`, status: 201}, g.vars)
	set := g.sets[g.random.IntN(len(g.sets))]
	for member, model := range map[string]string{"repository": "file.filerepository", "publication": "file.filepublication", "content_guard": "core.rbaccontentguard"} {
		name := user + member + g.vars["u"]
		s := step{as: user + g.vars["u"] + ":" + word, do: "POST {at}/distributions/file/file/", body: `{"name":"` + name + `","base_path":"` + name + `","` + member + `":"` + set.hrefOf(model) + `"}`}
		answer := g.do(t, g.request(t, s, g.vars))
		x := expectation{endpoint: endpoint{model: model}}
		if seen := g.sees(user, x, set); (answer.Code == 202) != seen {
			t.Errorf("%s names a %s in a body: %d %s, and by the roles he sees it: %v", user, member, answer.Code, answer.Body, seen)
		}
	}
}
