package journey_test

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/ident"
)

// naming is a request that names an object, by what the steps of objectsOf call it, in {ref}.
type naming struct {
	do, body, kind string
	// taken tells that one's own object is accepted there, with a status below 300.
	taken bool
}

// namings are all requests that name objects.
func namings() []naming {
	dist := func(member, kind string) naming {
		return naming{"POST {at}/distributions/file/file/", `{"name":"{n}","base_path":"{n}","` + member + `":"{ref}"}`, kind, true}
	}
	return []naming{
		{"POST {at}/repositories/file/file/", `{"name":"{n}","remote":"{ref}"}`, "remote", true},
		{"PATCH {repo}", `{"remote":"{ref}"}`, "remote", true},
		{"POST {repo}sync/", `{"remote":"{ref}"}`, "remote", true},
		{"POST {repo}modify/", `{"add_content_units":["{ref}"]}`, "unit", true},
		{"POST {repo}modify/", `{"remove_content_units":["{ref}"]}`, "unit", true},
		{"POST {repo}modify/", `{"base_version":"{ref}"}`, "version", true},
		{"POST {at}/publications/file/file/", `{"repository":"{ref}"}`, "repo", true},
		{"POST {at}/publications/file/file/", `{"repository_version":"{ref}"}`, "version", true},
		dist("repository", "repo"), dist("publication", "pub"), dist("content_guard", "rbac"), dist("content_guard", "composite"),
		{"PATCH {dist}", `{"repository":"{ref}"}`, "repo", true}, {"PATCH {dist}", `{"content_guard":"{ref}"}`, "header", true},
		{"POST {at}/acs/file/file/", `{"name":"{n}","remote":"{ref}"}`, "remote", true}, {"PATCH {acs}", `{"remote":"{ref}"}`, "remote", true},
		{"POST {at}/content/file/files/", `{"relative_path":"{n}","artifact":"{ref}","repository":"{repo}"}`, "artifact", true},
		{"POST {at}/content/file/files/", `{"relative_path":"{n}","artifact":"{artifact}","repository":"{ref}"}`, "repo", true},
		{"POST {at}/content/file/files/", `{"relative_path":"{n}","upload":"{ref}","repository":"{repo}"}`, "upload", true},
		{"POST {at}/contentguards/core/composite/", `{"name":"{n}","guards":["{ref}"]}`, "header", true}, {"PATCH {composite}", `{"guards":["{ref}"]}`, "rbac", true},
		{"GET {at}/content/file/files/?repository_version={ref}", "", "version", true}, {"GET {at}/content/?repository_version_added={ref}", "", "version", true},
		{"GET {at}/artifacts/?repository_version={ref}", "", "version", true}, {"GET {at}/repository_versions/?content={ref}", "", "unit", true},
		{"GET {at}/repositories/?with_content={ref}", "", "unit", true}, {"GET {at}/repositories/file/file/?latest_with_content={ref}", "", "unit", true},
		{"GET {at}/repositories/file/file/?remote={ref}", "", "remote", true}, {"GET {at}/publications/?repository={ref}", "", "repo", true},
		{"GET {at}/publications/file/file/?repository_version={ref}", "", "version", true}, {"GET {at}/publications/file/file/?content={ref}", "", "unit", true},
		{"GET {at}/distributions/file/file/?repository={ref}", "", "repo", true}, {"GET {at}/distributions/?with_content={ref}", "", "unit", true},
		{"GET {at}/tasks/?reserved_resources={ref}", "", "repo", true}, {"GET {at}/tasks/?exclusive_resources={ref}", "", "repo", true}, {"GET {at}/tasks/?created_resources={ref}", "", "unit", true},
		{"GET {at}/repositories/?pulp_href__in={ref}", "", "repo", true}, {"GET {at}/remotes/?q=pulp_href__in='{ref}'", "", "remote", true},
	}
}

// TestNamesOfWhatIsNotSeen names objects of somebody else, in every way to spell a reference: the answer is that for
// objects that are not there, and one's own are taken.
func TestNamesOfWhatIsNotSeen(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		vars := map[string]string{"u": "r" + ident.New()[24:]}
		m := &matrix{world: w, personas: []persona{{name: "owner", owns: true}, {name: "stranger", owns: true}}, at: root, vars: vars}
		m.vars["at"] = strings.TrimSuffix(root, "/")
		m.people(t)
		stranger := m.persona("stranger")
		theirs, own := w.objectsOf(t, m.persona("owner").as, root), w.objectsOf(t, stranger.as, root)
		for _, o := range []*objects{theirs, own} {
			o.vars["version"] = o.vars["repo"] + "versions/1/"
		}
		n := 0
		send := func(r naming, ref string) *httptest.ResponseRecorder {
			n++
			own.vars["ref"], own.vars["n"] = ref, "n"+strconv.Itoa(n)
			return w.do(t, w.request(t, step{as: stranger.as, do: r.do, body: r.body}, own.vars))
		}
		for _, r := range namings() {
			hidden, absent := theirs.vars[r.kind], elsewhere(theirs.vars[r.kind])
			for _, spelling := range spellings(w, theirs.vars[r.kind+"_prn"] != "") {
				there, gone := send(r, spelling(hidden, theirs.vars[r.kind+"_prn"])), send(r, spelling(absent, elsewhere(theirs.vars[r.kind+"_prn"])))
				if there.Code != gone.Code || masked(there, hidden) != masked(gone, absent) || r.body != "" && there.Code < 300 {
					t.Errorf("%s %s: %s of somebody else is answered %d %s, and if it were not there %d %s", r.do, r.body, own.vars["ref"], there.Code, there.Body, gone.Code, gone.Body)
				}
			}
			if mine := send(r, own.vars[r.kind]); mine.Code >= 300 == r.taken {
				t.Errorf("%s %s: one's own is answered %d: %s", r.do, r.body, mine.Code, mine.Body)
			}
		}
		m.seenIsNotEnough(t, stranger, theirs, own)
		m.servedToAll(t, own)
	})
}

// seenIsNotEnough names what one may look at and not change, in a body whose objects decide.
func (m *matrix) seenIsNotEnough(t *testing.T, p *persona, theirs, own *objects) {
	t.Helper()
	for kind, role := range map[string]string{"repo": "file.filerepository_viewer", "upload": "core.upload_viewer"} {
		m.step(t, "show "+kind, step{do: "POST {" + p.name + "}roles/", body: `{"role":"` + role + `","content_object":"` + theirs.vars[kind] + `"}`, status: 201}, m.vars)
		own.vars["their_"+kind], own.vars["their_"+kind+"_prn"] = theirs.vars[kind], theirs.vars[kind+"_prn"]
	}
	for body, status := range map[string]int{
		`"artifact":"{artifact}","repository":"{their_repo}"`: refusal, `"artifact":"{artifact}","repository":"{their_repo_prn}"`: refusal, `"artifact":"{artifact}"`: 400,
		`"upload":"{their_upload}","repository":"{repo}"`: refusal, `"upload":"{their_upload_prn}","repository":"{repo}"`: refusal,
	} {
		m.step(t, body, step{as: p.as, do: "POST {at}/content/file/files/", body: `{"relative_path":"{u}seen",` + body + `}`, status: status}, own.vars)
	}
	m.step(t, "look", step{as: p.as, do: "GET {their_repo}", status: 200}, own.vars)
	m.step(t, "change", step{as: p.as, do: "POST {their_repo}modify/", body: `{"add_content_units":["{unit}"]}`, status: refusal}, own.vars)
}

// spellings are the ways to write a reference to an object, of its href and PRN.
func spellings(w *world, prn bool) []func(href, prn string) string {
	all := []func(href, prn string) string{
		func(href, _ string) string { return href },
		func(href, _ string) string { return w.url + href },
		func(href, _ string) string { return strings.TrimSuffix(href, "/") },
		func(href, _ string) string {
			return strings.Replace(href, identity(href), strings.ToUpper(identity(href)), 1)
		},
	}
	if prn {
		all = append(all, func(_, prn string) string { return prn })
	}
	return all
}

// elsewhere is a reference with another identity, which nothing has.
func elsewhere(ref string) string {
	if id := identity(ref); id != "" {
		return strings.ReplaceAll(ref, id, strings.Repeat("0", 8)+id[8:])
	}
	return ref
}

// identity is the identity in a reference.
func identity(ref string) string {
	for _, part := range strings.FieldsFunc(ref, func(r rune) bool { return r == '/' || r == ':' }) {
		if len(part) == 36 {
			return part
		}
	}
	return ""
}

// masked is what an answer says, without the identity.
func masked(a *httptest.ResponseRecorder, ref string) string {
	id := identity(ref)
	return strings.NewReplacer(id, "ID", strings.ToUpper(id), "ID").Replace(a.Body.String())
}

// servedToAll looks that rights over the REST API change nothing about what the content server sends.
func (m *matrix) servedToAll(t *testing.T, o *objects) {
	t.Helper()
	m.step(t, "publish", step{do: "POST {at}/distributions/file/file/", body: `{"name":"{u}served","base_path":"{u}served","publication":"{pub}"}`, status: 202, task: "completed"}, o.vars)
	for _, as := range []string{"nobody", m.persona("owner").as, m.persona("stranger").as, ""} {
		m.step(t, "as "+as, step{as: as, do: "GET /pulp/content/{u}served/{u}", status: 200, has: []string{"{t1}"}}, o.vars)
	}
}
