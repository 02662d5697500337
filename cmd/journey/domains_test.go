package journey_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/ident"
)

// tenants is a world with the domains "one" and "two", in each of which there is the same.
type tenants struct {
	*world
	t      *testing.T
	places string
	vars   map[string]string
}

const folderClass = `"storage_class":"pulpcore.app.models.storage.FileSystem"`

func onEachWithDomains(t *testing.T, test func(t *testing.T, d *tenants)) {
	t.Helper()
	for name, settings := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := map[string]string{"domain_enabled": "true", "data": t.TempDir(), "egress.allow": "127.0.0.1"}
			for key, value := range settings(t) {
				flags[key] = value
			}
			places := filepath.Join(flags["data"], "domains")
			d := &tenants{newWorld(t, flags), t, places, map[string]string{"places": places, "none": ident.New()}}
			for _, name := range []string{"one", "two"} {
				d.step(step{do: "POST " + domainsPath, body: `{"name":"` + name + `",` + folderClass + `,"storage_settings":{"MEDIA_ROOT":"{places}/shared"}}`, status: 201,
					want: []string{`pulp_href ~ ^"/pulp/default/api/v3/domains/`, `storage_settings = {"hidden_fields":[],"location":"{places}/shared"}`, `redirect_to_object_storage = true`},
					keep: map[string]string{name: "pulp_href", name + "_prn": "prn"}})
				d.fill(name)
			}
			test(t, d)
		})
	}
}

const domainsPath = "/pulp/default/api/v3/domains/"

func (d *tenants) step(s step) {
	d.t.Helper()
	d.world.step(d.t, s.about+" "+s.do, s, d.vars)
}

// fill puts a repository "r" with a file, a remote "r" and a distribution "r" at "r" into a domain. The file a.txt has
// the domain's name for its text, and b.txt the same text in all.
func (d *tenants) fill(name string) {
	d.t.Helper()
	at := "/pulp/" + name + "/api/v3/"
	own := `^"` + at
	d.step(step{do: "POST " + at + "remotes/file/file/", body: `{"name":"r","url":"http://mirror.example.org/PULP_MANIFEST"}`, status: 201, keep: map[string]string{name + "_remote": "pulp_href", name + "_remote_prn": "prn"}})
	d.step(step{do: "POST " + at + "repositories/file/file/", body: `{"name":"r","autopublish":true,"remote":"{` + name + `_remote}"}`, status: 201, want: []string{"pulp_href ~ " + own, "versions_href ~ " + own, "remote ~ " + own},
		keep: map[string]string{name + "_repo": "pulp_href", name + "_repo_prn": "prn", name + "_version": "latest_version_href"}})
	for file, text := range map[string]string{"a.txt": name, "b.txt": "the same"} {
		d.step(step{do: "POST " + at + "content/file/files/", parts: []part{{"relative_path", "", file}, {"repository", "", "{" + name + "_repo}"}, {"file", file, text}}, status: 202, task: "completed",
			want: []string{"pulp_href ~ " + own + "tasks/", "created_resources.0 ~ " + own, "reserved_resources_record ~ shared:{" + name + "_prn}"},
			keep: map[string]string{name + "_task": "pulp_href"}})
	}
	d.step(step{do: "GET " + at + "content/file/files/?relative_path=b.txt", status: 200, want: []string{"count = 1", "results.0.pulp_href ~ " + own, "results.0.artifact ~ " + own},
		keep: map[string]string{name + "_unit": "results.0.pulp_href", name + "_unit_prn": "results.0.prn", name + "_artifact": "results.0.artifact"}})
	d.step(step{do: "GET {" + name + "_artifact}", status: 200, want: []string{"file ~ ^\"artifact/" + "[0-9a-f-]{36}/[0-9a-f]{2}/[0-9a-f]{62}\"$"}, keep: map[string]string{name + "_file": "file"}})
	d.step(step{do: "POST " + at + "distributions/file/file/", body: `{"name":"r","base_path":"r","repository":"{` + name + `_repo_prn}"}`, status: 202, task: "completed",
		want: []string{`result.base_url = "/pulp/content/` + name + `/r/"`, "result.pulp_href ~ " + own}, keep: map[string]string{name + "_dist": "result.pulp_href"}})
	d.step(step{do: "POST " + at + "uploads/", body: `{"size":4}`, status: 201, keep: map[string]string{name + "_upload": "pulp_href"}})
	d.step(step{do: "PUT {" + name + "_upload}", header: map[string]string{"Content-Range": "bytes 0-1/4"}, parts: []part{{"file", "x", "ab"}}, status: 200})
}

// in is a path in a domain with the identity of another one's object.
func (d *tenants) in(name, href string) string {
	path := fill(href, d.vars)
	_, rest, _ := strings.Cut(path, "/api/v3/")
	return "/pulp/" + name + "/api/v3/" + rest
}

func (d *tenants) serves(name string) {
	d.t.Helper()
	d.step(step{about: "served", do: "GET /pulp/content/" + name + "/r/b.txt", as: "nobody", status: 200, has: []string{"the same"}})
	d.step(step{about: "served", do: "GET /pulp/content/" + name + "/r/a.txt", as: "nobody", status: 200, has: []string{name}})
}

func TestDomainsKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		d.serves("one")
		d.serves("two")
		for _, kind := range []string{"remote", "repo", "version", "unit", "artifact", "dist", "upload", "task"} {
			d.step(step{about: "another domain's", do: "GET " + d.in("one", "{two_"+kind+"}"), status: 404})
			d.step(step{about: "the default domain's", do: "GET " + d.in("default", "{two_"+kind+"}"), status: 404})
			d.step(step{about: "its own", do: "GET " + d.in("two", "{two_"+kind+"}"), status: 200})
		}
		d.step(step{about: "the one that is always there", do: "GET /pulp/default/api/v3/distributions/", status: 200, want: []string{"count = 1", `results.0.pulp_href ~ /distributions/core/artifacts/`}})
		d.step(step{about: "nothing of others", do: "GET /pulp/one/api/v3/distributions/", status: 200, hasNot: []string{"/pulp/two/", "/core/artifacts/"}})
		for _, list := range []string{"content/", "repositories/", "distributions/file/file/", "remotes/", "artifacts/", "uploads/", "repository_versions/", "publications/"} {
			d.step(step{about: "nothing here", do: "GET /pulp/default/api/v3/" + list, status: 200, want: []string{"count = 0"}})
			d.step(step{about: "nothing of others", do: "GET /pulp/one/api/v3/" + list, status: 200, hasNot: []string{"/pulp/two/"}})
		}
		d.step(step{about: "tasks of one", do: "GET /pulp/one/api/v3/tasks/?limit=1000", status: 200, hasNot: []string{"/pulp/two/", "{two_prn}"}})
		d.step(step{about: "an expression", do: "GET /pulp/one/api/v3/repositories/?q=name%3D%22r%22", status: 200, want: []string{"count = 1", `results.0.pulp_href = "{one_repo}"`}})
		d.refused()
		d.step(step{do: "GET /pulp/one/api/v3/repositories/?name=r", status: 200, want: []string{"count = 1", `results.0.pulp_href = "{one_repo}"`}})
		d.serves("one")
	})
}

// refused sends references to objects of the domain two from the domain one, as hrefs, as PRNs, and as hrefs that
// pretend to be of one.
func (d *tenants) refused() {
	for _, to := range []string{"{two_repo}", "{two_repo_prn}", d.in("one", "{two_repo}"), "http://host" + fill("{two_repo}", d.vars)} {
		d.step(step{do: "POST /pulp/one/api/v3/distributions/file/file/", body: `{"name":"x","base_path":"x","repository":"` + to + `"}`, status: 400})
		d.step(step{do: "PATCH {one_dist}", body: `{"repository":"` + to + `"}`, status: 400})
		d.step(step{do: "POST /pulp/one/api/v3/content/file/files/", parts: []part{{"relative_path", "", "x"}, {"repository", "", to}, {"file", "x", "x"}}, status: 400})
		if filter := (step{do: "GET /pulp/one/api/v3/distributions/?repository=" + to, status: 400}); to != "{two_repo_prn}" && !strings.HasPrefix(to, "/pulp/one/") {
			d.step(filter)
		} else { // a name of nothing that is here
			filter.status, filter.want = 200, []string{"count = 0"}
			d.step(filter)
		}
		d.step(step{do: "POST /pulp/one/api/v3/repositories/reclaim_space/", body: `{"repo_hrefs":["` + to + `"]}`, status: 400})
	}
	for _, to := range []string{"{two_remote}", "{two_remote_prn}", d.in("one", "{two_remote}")} {
		d.step(step{do: "PATCH {one_repo}", body: `{"remote":"` + to + `"}`, status: 400})
		d.step(step{do: "POST {one_repo}sync/", body: `{"remote":"` + to + `"}`, status: 400})
	}
	for _, to := range []string{"{two_unit}", "{two_unit_prn}", d.in("one", "{two_unit}")} {
		d.step(step{do: "POST {one_repo}modify/", body: `{"add_content_units":["` + to + `"]}`, status: 400})
	}
	for _, to := range []string{"{two_version}", d.in("one", "{two_version}")} {
		d.step(step{do: "POST {one_repo}modify/", body: `{"base_version":"` + to + `"}`, status: 400})
	}
	for _, to := range []string{"{two_artifact}", d.in("one", "{two_artifact}")} {
		d.step(step{do: "POST /pulp/one/api/v3/content/file/files/", body: `{"relative_path":"x","artifact":"` + to + `"}`, status: 400})
	}
	for _, to := range []string{"{two_upload}", d.in("one", "{two_upload}")} {
		d.step(step{do: "POST /pulp/one/api/v3/content/file/files/", body: `{"relative_path":"x","upload":"` + to + `"}`, status: 400})
	}
	d.step(step{do: "PATCH " + d.in("one", "{two_task}"), body: `{"state":"canceled"}`, status: 404})
	d.step(step{do: "DELETE " + d.in("one", "{two_upload}"), status: 404})
}

func TestPathsOfDomains(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(_ *testing.T, d *tenants) {
		d.step(step{about: "for all", do: "GET /pulp/api/v3/status/", as: "nobody", status: 200, want: []string{"domain_enabled = true"}})
		d.step(step{about: "of one", do: "GET /pulp/one/api/v3/status/", as: "nobody", status: 200, want: []string{"domain_enabled = true"}})
		d.step(step{do: "GET /pulp/api/v3/livez/", as: "nobody", status: 200})
		d.step(step{do: "GET /pulp/api/v3/docs/api.json", as: "nobody", status: 200, has: []string{`"/pulp/{pulp_domain}/api/v3/repositories/file/file/"`, `"x-isDomain": true`, `"x-pulp-domain-enabled": true`}})
		d.step(step{about: "no domain", do: "GET /pulp/api/v3/repositories/", status: 404})
		d.step(step{about: "unknown", do: "GET /pulp/other/api/v3/repositories/", status: 404})
		d.step(step{about: "unknown, anonymous", do: "GET /pulp/other/api/v3/repositories/", as: "nobody", status: 401, has: []string{"Authentication credentials were not provided"}})
		d.step(step{about: "known, anonymous", do: "GET /pulp/one/api/v3/repositories/", as: "nobody", status: 401, has: []string{"Authentication credentials were not provided"}})
		d.step(step{about: "the root of a domain", do: "GET /pulp/one/api/v3/", as: "nobody", status: 200, has: []string{"/pulp/one/api/v3/repositories/"}})
		d.step(step{about: "a slash is missing", do: "GET /pulp/one/api/v3/repositories", status: 301, headers: map[string]string{"Location": "/pulp/one/api/v3/repositories/"}})
		d.step(step{about: "another method", do: "PUT /pulp/one/api/v3/repositories/", status: 405})
		d.step(step{about: "a list of what belongs to none", do: "GET /pulp/one/api/v3/workers/", status: 200, has: []string{"/pulp/default/api/v3/workers/"}})
		d.step(step{about: "no domain", do: "GET /pulp/content/", as: "nobody", status: 404})
		d.step(step{about: "unknown", do: "GET /pulp/content/other/", as: "nobody", status: 404})
		d.step(step{about: "encoded", do: "GET /pulp/content/%6fne/", as: "nobody", status: 404})
		d.step(step{about: "a slash is missing", do: "GET /pulp/content/one", as: "nobody", status: 301, headers: map[string]string{"Location": "/pulp/content/one/"}})
		d.step(step{about: "a listing", do: "GET /pulp/content/one/", as: "nobody", status: 200, has: []string{"Index of /pulp/content/one/", "r/"}})
		d.step(step{about: "a folder", do: "GET /pulp/content/one/r", as: "nobody", status: 301, headers: map[string]string{"Location": "/pulp/content/one/r/"}})
		d.step(step{about: "not in the default domain", do: "GET /pulp/content/default/r/a.txt", as: "nobody", status: 404})
		d.step(step{about: "no domain", do: "GET /pulp/content/r/a.txt", as: "nobody", status: 404})
	})
}

func TestDescriptionsOfDomains(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(_ *testing.T, d *tenants) {
		for body, says := range map[string]string{
			`{"name":"api",` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`:                                                                                                              "reserved",
			`{"name":"content",` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`:                                                                                                          "reserved",
			`{"name":"a b",` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`:                                                                                                              "slug",
			`{"name":"one",` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`:                                                                                                              "unique",
			`{"name":"x",` + folderClass + `,"storage_settings":{}}`:                                                                                                                                       "required",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"/"}}`:                                                                                                                         "allowed_storage_paths",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"{places}"}}`:                                                                                                                  "allowed_storage_paths",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"{places}/../media/x"}}`:                                                                                                       "full path",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"{places}/shared/x"}}`:                                                                                                         "inside",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"{places}/x","MEDIA_ROOT":"/x"}}`:                                                                                              "twice",
			`{"name":"x",` + folderClass + `,"storage_settings":{"location":"{places}/x","odd":1}}`:                                                                                                        "Unexpected",
			`{"name":"x","storage_class":"storages.backends.azure_storage.AzureStorage","storage_settings":{}}`:                                                                                            "not supported",
			`{"name":"x","storage_class":"odd","storage_settings":{}}`:                                                                                                                                     "not a valid choice",
			`{"name":"x","storage_class":"storages.backends.s3.S3Storage","storage_settings":{"bucket_name":"b"}}`:                                                                                         "required",
			`{"name":"x","storage_class":"storages.backends.s3.S3Storage","storage_settings":{"bucket_name":"b","access_key":"CANARY-1","secret_key":"CANARY-2","endpoint_url":"http://169.254.169.254"}}`: "egress.allow",
		} {
			d.step(step{do: "POST " + domainsPath, body: body, status: 400, has: []string{says}, hasNot: []string{"CANARY"}})
		}
		d.step(step{about: "the default stays", do: "GET " + domainsPath + "?name=default", status: 200, want: []string{"count = 1"}, keep: map[string]string{"default": "results.0.pulp_href"}})
		d.step(step{do: "PATCH {default}", body: `{"description":"x"}`, status: 400, has: []string{"default domain"}})
		d.step(step{do: "DELETE {default}", status: 400, has: []string{"default domain"}})
		d.step(step{do: "POST " + domainsPath + "migrate/", body: `{` + folderClass + `,"storage_settings":{"location":"{places}/x"}}`, status: 400, has: []string{"default domain"}})
		d.step(step{about: "no move by a change", do: "PATCH {one}", body: `{"storage_settings":{"location":"{places}/y"}}`, status: 400, has: []string{"migrate"}})
		d.step(step{about: "no change", do: "PATCH {one}", body: `{"storage_settings":{"location":"{places}/shared","hidden_fields":[]}}`, status: 200})
		d.step(step{do: "PATCH {one}", body: `{"description":"first","hide_guarded_distributions":true}`, status: 202, task: "completed", want: []string{`result.description = "first"`, `result.pulp_href = "{one}"`}})
		d.step(step{do: "POST {one}set_label/", body: `{"key":"k","value":"v"}`, status: 201})
		d.step(step{do: "GET " + domainsPath + "?pulp_label_select=k%3Dv", status: 200, want: []string{"count = 1"}})
	})
}

// hostOf is where a file of a domain is on the disk.
func (d *tenants) blob(folder, file string) string {
	return filepath.Join(d.places, folder, filepath.FromSlash(fill(file, d.vars)))
}

func TestMigrationsOfDomains(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		damaged := d.blob("shared", "{one_file}")
		good, err := os.ReadFile(damaged)
		must(t, err)
		must(t, os.WriteFile(damaged, []byte("THE SAME"), 0o600))
		migrate := step{do: "POST /pulp/one/api/v3/domains/migrate/", body: `{` + folderClass + `,"storage_settings":{"location":"{places}/new"}}`, status: 202, task: "failed",
			has: []string{fmt.Sprintf("%x", sha256.Sum256(good)), "damaged"}}
		d.step(migrate)
		d.step(step{about: "nothing is switched", do: "GET {one}", status: 200, want: []string{`storage_settings.location = "{places}/shared"`}})
		must(t, os.WriteFile(damaged, good, 0o600))
		d.serves("one")
		migrate.task, migrate.has = "completed", nil
		migrate.want = []string{`name = "pulpcore.app.tasks.migrate.migrate_backend"`, `reserved_resources_record = ["{one_prn}"]`, "progress_reports.0.done = 4"}
		d.step(migrate)
		d.step(step{about: "switched", do: "GET {one}", status: 200, want: []string{`storage_settings.location = "{places}/new"`}})
		for _, folder := range []string{"shared", "new"} {
			if text, err := os.ReadFile(d.blob(folder, "{one_file}")); string(text) != "the same" {
				t.Errorf("the file in %s is %q (%v)", folder, text, err)
			}
		}
		must(t, os.RemoveAll(filepath.Join(d.places, "shared", filepath.Dir(filepath.Dir(fill("{one_file}", d.vars))))))
		d.serves("one")
		d.serves("two")
		d.step(step{about: "the upload came along", do: "PUT {one_upload}", header: map[string]string{"Content-Range": "bytes 2-3/4"}, parts: []part{{"file", "x", "cd"}}, status: 200})
		d.step(step{do: "POST {one_upload}commit/", body: `{"sha256":"` + sum("abcd") + `"}`, status: 202, task: "completed"})
		d.step(step{about: "a new file", do: "POST /pulp/one/api/v3/artifacts/", parts: []part{{"file", "x", "late"}}, status: 201, keep: map[string]string{"late": "file"}})
		if text, err := os.ReadFile(d.blob("new", "{late}")); string(text) != "late" {
			t.Errorf("the late file is %q (%v)", text, err)
		}
		d.step(step{about: "there already", do: migrate.do, body: migrate.body, status: 400})
	})
}

func TestTheEndOfADomain(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		d.step(step{about: "content in repositories", do: "DELETE {one}", status: 202, task: "failed", has: []string{"PLP0007"}})
		for i, href := range []string{"{one_dist}", "{one_repo}"} {
			d.step(step{about: strconv.Itoa(i), do: "DELETE " + href, status: 202, task: "completed"})
		}
		d.step(step{about: "a remote", do: "DELETE {one}", status: 202, task: "failed", has: []string{"remotes", `\"r\"`}})
		d.step(step{do: "DELETE {one_remote}", status: 202, task: "completed"})
		d.step(step{do: "DELETE {one}", status: 202, task: "completed", want: []string{`pulp_href ~ ^"/pulp/default/api/v3/tasks/`}})
		d.step(step{do: "GET {one}", status: 404})
		d.step(step{do: "GET /pulp/one/api/v3/repositories/", status: 404})
		d.step(step{do: "GET /pulp/content/one/", as: "nobody", status: 404})
		if _, err := os.Stat(d.blob("shared", "{one_file}")); !os.IsNotExist(err) {
			t.Errorf("the bytes of the domain are still there: %v", err)
		}
		upload := filepath.Base(fill("{one_upload}", d.vars))
		if left, err := filepath.Glob(d.blob("shared", "upload/*"+upload+"*")); len(left) > 0 || err != nil {
			t.Errorf("the bytes of an upload of the domain are still there: %v (%v)", left, err)
		}
		d.serves("two")
	})
}
