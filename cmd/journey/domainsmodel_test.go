package journey_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatHappensInOneDomain: whatever is done in one domain, the other one, which has the same names and bytes in the
// same folder, answers, serves and stores what it did before.
func TestWhatHappensInOneDomain(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		const checks, turns, most = 2, 2, 5 // of the 100 that rapid makes: each is many requests
		passed := 0
		rapid.Check(t, func(rt *rapid.T) {
			if passed >= checks {
				return
			}
			for range turns {
				d.turn(rt, most)
			}
			passed++
		})
	})
}

// turn does a few things in one domain and looks what the other one has of it.
func (d *tenants) turn(rt *rapid.T, most int) {
	name := rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "domain")
	other := map[string]string{"one": "two", "two": "one"}[name]
	d.tries(other, step{do: "POST content/file/files/", parts: []part{{"relative_path", "", "orphan"}, {"file", "f", "in no repository"}}})
	before, story := d.picture(other), []string{}
	for range rapid.IntRange(most/2, most).Draw(rt, "steps") {
		does := rapid.SampledFrom(deeds()).Draw(rt, "deed")
		n := rapid.IntRange(0, 2).Draw(rt, "n")
		story = append(story, fmt.Sprint(does.name, " ", n))
		does.do(d, name, n)
	}
	d.tries(name, step{do: "POST orphans/cleanup/", body: `{"orphan_protection_time":0}`})
	if after := d.picture(other); after != before {
		rt.Fatalf("%q in %s changed %s: from\n%s\nto\n%s", story, name, other, before, after)
	}
}

// deed is something that is done in a domain, with something of a few.
type deed struct {
	name string
	do   func(d *tenants, name string, n int)
}

// deeds work in whatever state the domain is: what is there already, or is not there, is no fault.
func deeds() []deed {
	return []deed{
		{"upload", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST content/file/files/", parts: []part{{"relative_path", "", fmt.Sprint("f", n)}, {"repository", "", "{" + name + "_repo}"}, {"file", "f", fmt.Sprint("text ", n)}}})
		}},
		{"replace", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST content/file/files/", parts: []part{{"relative_path", "", "b.txt"}, {"repository", "", "{" + name + "_repo}"}, {"file", "f", fmt.Sprint("text ", n)}}})
		}},
		{"empty", func(d *tenants, name string, _ int) {
			d.tries(name, step{do: "POST {" + name + "_repo}modify/", body: `{"remove_content_units":["*"]}`})
		}},
		{"publish", func(d *tenants, name string, _ int) {
			d.tries(name, step{do: "POST publications/file/file/", body: `{"repository":"{` + name + `_repo}"}`})
		}},
		{"repository", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST repositories/file/file/", body: fmt.Sprintf(`{"name":"x%d","autopublish":true}`, n)})
		}},
		{"distribution", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST distributions/file/file/", body: fmt.Sprintf(`{"name":"x%d","base_path":"x%d","repository":"{%s_repo}"}`, n, n, name)})
		}},
		{"remote", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST remotes/file/file/", body: fmt.Sprintf(`{"name":"x%d","url":"http://mirror.example.org/x"}`, n)})
		}},
		{"delete", func(d *tenants, name string, n int) {
			list := []string{"repositories/", "distributions/", "remotes/"}[n]
			answer := d.do(d.t, d.request(d.t, step{do: "GET /pulp/" + name + "/api/v3/" + list + "?name__startswith=x&limit=1"}, d.vars))
			if href, there := at(answer.Body.Bytes(), "results.0.pulp_href"); there {
				d.tries(name, step{do: "DELETE " + fmt.Sprint(href)})
			}
		}},
		{"clean up", func(d *tenants, name string, _ int) {
			d.tries(name, step{do: "POST orphans/cleanup/", body: `{"orphan_protection_time":0}`})
		}},
		{"reclaim", func(d *tenants, name string, _ int) {
			d.tries(name, step{do: "POST repositories/reclaim_space/", body: `{"repo_hrefs":["*"]}`})
		}},
		{"repair", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "POST repair/", body: fmt.Sprintf(`{"verify_checksums":%v}`, n > 0)})
		}},
		{"chunk", func(d *tenants, name string, n int) {
			d.tries(name, step{do: "PUT {" + name + "_upload}", header: map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/4", n, n)}, parts: []part{{"file", "x", "z"}}})
		}},
		{"give up", func(d *tenants, name string, _ int) { d.tries(name, step{do: "DELETE {" + name + "_upload}"}) }},
	}
}

// tries sends a request to a domain and waits for its task, whatever comes of it.
func (d *tenants) tries(name string, s step) {
	d.t.Helper()
	method, path, _ := strings.Cut(s.do, " ")
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "{") {
		s.do = method + " /pulp/" + name + "/api/v3/" + path
	}
	answer := d.do(d.t, d.request(d.t, s, d.vars))
	switch {
	case answer.Code >= 500:
		d.t.Fatalf("%s: %d %s", s.do, answer.Code, answer.Body)
	case answer.Code == 202:
		d.finished(d.t, s.do, answer.Body.Bytes())
	}
}

// picture is all that a domain shows, serves and stores.
func (d *tenants) picture(name string) string {
	d.t.Helper()
	var out strings.Builder
	see := func(path string) {
		answer := d.do(d.t, d.request(d.t, step{do: "GET " + path}, d.vars))
		fmt.Fprintf(&out, "%s %d %s\n", path, answer.Code, answer.Body)
	}
	for _, list := range []string{"repositories", "repository_versions", "remotes", "distributions", "publications", "content/file/files", "artifacts", "uploads", "tasks", "task-groups"} {
		see("/pulp/" + name + "/api/v3/" + list + "/?limit=1000")
	}
	see("{" + name + "}")
	see("{" + name + "_upload}")
	for _, file := range []string{"", "r/", "r/a.txt", "r/b.txt", "r/f0", "x0/", "x0/f1"} {
		see("/pulp/content/" + name + "/" + file)
	}
	id := strings.TrimPrefix(d.vars[name+"_prn"], "prn:core.domain:")
	upload := filepath.Base(d.vars[name+"_upload"])
	root := filepath.Join(d.places, "shared")
	must(d.t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // the other domain's, gone meanwhile
			return nil
		}
		if err != nil || entry.IsDir() || !strings.Contains(path, "/"+id+"/") && !strings.Contains(path, upload) {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&out, "%s %q\n", path, text)
		return err
	}))
	return out.String()
}

// TestReferencesSayNothingOfOtherDomains: whether there is an object in another domain makes no difference to a filter
// or to a body.
func TestReferencesSayNothingOfOtherDomains(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		for kind, asks := range map[string][]string{
			"repo":    {"distributions/?repository=", "distributions/file/file/?repository__in=", "publications/?repository=", "repositories/?pulp_href__in=", "repositories/?prn__in=", "acs/?pulp_href__in="},
			"remote":  {"repositories/?remote=", "repositories/file/file/?remote__in="},
			"version": {"content/?repository_version=", "content/file/files/?repository_version_added=", "publications/?repository_version="},
			"unit":    {"repositories/?with_content=", "repository_versions/?content=", "distributions/?with_content="},
			"task":    {"tasks/?parent_task=", "tasks/?pulp_href__in="},
		} {
			there := fill("{two_"+kind+"}", d.vars)
			id := strings.Split(strings.Trim(there, "/"), "/")
			none := strings.Replace(there, uuidOf(id), d.vars["none"], 1)
			forms := map[string]string{there: none, d.in("one", there): d.in("one", none), "http://host" + there: "http://host" + none}
			if prn := d.vars["two_"+kind+"_prn"]; prn != "" {
				forms[prn] = strings.Replace(prn, uuidOf(id), d.vars["none"], 1)
			}
			for real, invented := range forms {
				for _, ask := range asks {
					a, b := d.answer("GET /pulp/one/api/v3/"+ask+real, ""), d.answer("GET /pulp/one/api/v3/"+ask+invented, "")
					if a = strings.ReplaceAll(a, uuidOf(id), d.vars["none"]); a != b {
						t.Errorf("%s%s: %s, where one that is not there gives %s", ask, real, a, b)
					}
				}
			}
		}
	})
}

// uuidOf is the first part of a path that is a UUID.
func uuidOf(parts []string) string {
	for _, part := range parts {
		if len(part) == 36 && strings.Count(part, "-") == 4 {
			return part
		}
	}
	return "none"
}

func (d *tenants) answer(do, body string) string {
	d.t.Helper()
	answer := d.do(d.t, d.request(d.t, step{do: do, body: body}, d.vars))
	return fmt.Sprint(answer.Code, " ", answer.Body)
}

// TestGuardsAndRolesOfOtherDomains: a guard of one domain guards nothing in the other, and a role in one is none there.
func TestGuardsAndRolesOfOtherDomains(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(_ *testing.T, d *tenants) {
		const guards, ann = "/api/v3/contentguards/core/header/", "ann:" + word
		d.step(step{do: "POST /pulp/two" + guards, body: `{"name":"g","header_name":"x","header_value":"y"}`, status: 201, keep: map[string]string{"two_guard": "pulp_href", "two_guard_prn": "prn"}})
		for _, to := range []string{"{two_guard}", "{two_guard_prn}", d.in("one", "{two_guard}")} {
			d.step(step{do: "PATCH {one_dist}", body: `{"content_guard":"` + to + `"}`, status: 400})
			d.step(step{do: "POST /pulp/one/api/v3/distributions/file/file/", body: `{"name":"x","base_path":"x","content_guard":"` + to + `"}`, status: 400})
			d.step(step{do: "POST /pulp/one/api/v3/contentguards/core/composite/", body: `{"name":"c","guards":["` + to + `"]}`, status: 400})
		}
		d.step(step{do: "PATCH {two_dist}", body: `{"content_guard":"{two_guard}"}`, status: 202, task: "completed"})
		d.step(step{about: "guarded", do: "GET /pulp/content/two/r/a.txt", as: "nobody", status: 403})
		d.serves("one")
		d.step(step{do: "POST /pulp/default/api/v3/users/", body: `{"username":"ann","password":"` + word + `"}`, status: 201, keep: map[string]string{"ann": "pulp_href"}})
		for role, on := range map[string]string{"file.filerepository_owner": "null", "file.filedistribution_viewer": "null", "file.filerepository_creator": "null"} {
			d.step(step{do: "POST {ann}roles/", body: `{"role":"` + role + `","content_object":` + on + `,"domain":"{one}"}`, status: 201})
		}
		d.step(step{as: ann, do: "GET /pulp/one/api/v3/repositories/file/file/", status: 200, want: []string{"count = 1"}})
		d.step(step{as: ann, do: "GET {one_repo}", status: 200})
		d.step(step{as: ann, do: "GET /pulp/one/api/v3/distributions/file/file/", status: 200, want: []string{"count = 1"}})
		for _, elsewhere := range []string{"two", "default"} {
			for _, list := range []string{"repositories/", "repositories/file/file/", "distributions/", "repository_versions/"} {
				d.step(step{as: ann, do: "GET /pulp/" + elsewhere + "/api/v3/" + list, status: 200, want: []string{"count = 0"}})
			}
			d.step(step{as: ann, do: "POST /pulp/" + elsewhere + "/api/v3/repositories/file/file/", body: `{"name":"ann"}`, status: 403})
		}
		for _, do := range []string{"GET {two_repo}", "DELETE {two_repo}", "POST {two_repo}modify/", "GET {two_version}", "GET {two_dist}"} {
			d.step(step{as: ann, do: do, body: `{}`, status: 404})
		}
		d.step(step{as: ann, do: "POST /pulp/one/api/v3/repositories/file/file/", body: `{"name":"ann"}`, status: 201})
		d.step(step{about: "no role on the domain itself", as: ann, do: "GET {one}", status: 404})
		d.step(step{as: ann, do: "POST /pulp/one/api/v3/domains/migrate/", body: `{` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`, status: 403})
	})
}
