package journey_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

func upload(name, text, path string) step {
	return step{do: "POST " + files + "upload/", parts: []part{{"file", "f", text}, {"relative_path", "", path}}, status: 201, keep: map[string]string{name: "pulp_href"}}
}

func wait(do, body string, want ...string) step {
	return step{do: do, body: body, status: 202, task: "completed", want: want}
}

// cleanUp removes orphans (rest-contract §2.16), also without a time of protection. That takes what the waiting uploads of
// others are about to refer to, so it wants a world of its own.
func cleanUp() []scenario {
	return []scenario{
		{"clean-up", []step{
			upload("a", "{t1}", "{u}"),
			wait("POST /orphans/cleanup/", `{"content_hrefs":["{a}"]}`, `name = "pulpcore.app.tasks.orphan.orphan_cleanup"`, `result = null`, `progress_reports.*.code = ["clean-up.content","clean-up.artifacts"]`,
				`progress_reports.*.state = ["completed","completed"]`, `progress_reports.0.done = 0`, `progress_reports.0.total = 0`, `reserved_resources_record.0 ~ ^"pdrn:[0-9a-f-]{36}:orphans"$`),
			{do: "GET {a}", status: 200, about: "protected by the time"}, wait("DELETE /orphans/", ``, `name = "pulpcore.app.tasks.orphan.orphan_cleanup"`), {do: "GET {a}", status: 200},
			wait("POST /orphans/cleanup/", `{"orphan_protection_time":0,"content_hrefs":["{a}"]}`, `progress_reports.0.done = 1`), {do: "GET {a}", status: 404},
			{do: "POST /orphans/cleanup/", body: `{"content_hrefs":[]}`, status: 400, want: []string{`content_hrefs.# = 1`}}, {do: "POST /orphans/cleanup/", body: `{"orphan_protection_time":-1}`, status: 400},
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
			wait("POST /repositories/reclaim_space/", `{"repo_hrefs":["{repo}"],"repo_versions_keeplist":["{repo}versions/0/"]}`, `name = "pulpcore.app.tasks.reclaim_space.reclaim_space"`, `result = null`,
				`progress_reports.*.code = ["reclaim-space.artifact"]`, `reserved_resources_record.0 = "shared:{prn}"`),
			{do: "POST /repositories/reclaim_space/", body: `{}`, status: 400, want: []string{`repo_hrefs = ["This field is required."]`}},
		}},
	}
}

// upkeep is what keeps an installation tidy (rest-contract §2.8, §2.16, §5.5).
func upkeep() []scenario {
	return []scenario{
		{"repair", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}}, upload("a", "{t1}", "{u}"),
			wait("POST {repo}modify/", `{"add_content_units":["{a}"]}`),
			wait("POST {repo}versions/1/repair/", `{"verify_checksums":true}`, `name = "pulpcore.app.tasks.repository.repair_version"`, `result = null`, `created_resources = []`, `reserved_resources_record.0 = "shared:{prn}"`,
				`progress_reports.*.code = ["repair.missing","repair.corrupted","repair.repaired"]`, `progress_reports.*.done = [0,0,0]`, `progress_reports.*.state = ["completed","completed","completed"]`),
			wait("POST /repair/", ``, `name = "pulpcore.app.tasks.repository.repair_all_artifacts"`, `result = null`, `reserved_resources_record.0 ~ ^"pdrn:[0-9a-f-]{36}:repair"$`),
			{do: "POST {repo}versions/9/repair/", body: `{}`, status: 404}, {do: "POST /repair/", body: `{"verify_checksums":null}`, status: 400, want: []string{`verify_checksums.# = 1`}},
			{do: "POST {repo}versions/1/repair/", body: `{"foo":1}`, status: 400, want: []string{`foo = ["Unexpected field"]`}},
		}},
		{"checkpoints", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			wait("POST "+dists, `{"name":"{u}","base_path":"{u}","repository":"{repo}","checkpoint":true}`), {as: "nobody", do: "GET " + served + "{u}/", status: 404},
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "d/a"}, {"repository", "", "{repo}"}}, status: 202, task: "completed"},
			{do: "POST " + pubs, body: `{"repository":"{repo}","checkpoint":true}`, status: 202, task: "completed", want: []string{`result.checkpoint = true`}, keep: map[string]string{"pub": "result.pulp_href"}},
			{as: "nobody", do: "GET " + served + "{u}/", header: map[string]string{"Accept": "application/json"}, status: 200, want: []string{`entries.# = 1`, `entries.0.type = "directory"`, `entries.0.name ~ ^"[0-9]{8}T[0-9]{6}Z"$`}, keep: map[string]string{"stamp": "entries.0.name"}},
			{as: "nobody", do: "GET " + served + "{u}/{stamp}", status: 301, headers: map[string]string{"Location": "/pulp/content/{u}/{stamp}/"}},
			{do: "POST " + files, parts: []part{{"file", "f", "{t2}"}, {"relative_path", "", "d/a"}, {"repository", "", "{repo}"}}, status: 202, task: "completed"},
			wait("POST "+pubs, `{"repository":"{repo}"}`, `result.checkpoint = false`),
			{as: "nobody", do: "GET " + served + "{u}/{stamp}/d/a", status: 200, has: []string{"{t1}"}}, {as: "nobody", do: "GET " + served + "{u}/{stamp}/", status: 200, has: []string{"PULP_MANIFEST"}},
			{as: "nobody", do: "GET " + served + "{u}/{stamp}/", header: map[string]string{"Accept": "text/html"}, status: 200, has: []string{"How to use this repository", "/pulp/content/{u}/{stamp}/PULP_MANIFEST"}},
			{as: "nobody", do: "GET " + served + "{u}/{stamp}/d", status: 301, headers: map[string]string{"Location": "/pulp/content/{u}/{stamp}/d/"}},
			{as: "nobody", do: "GET " + served + "{u}/99990101T000000Z/d/a", status: 404}, {as: "nobody", do: "GET " + served + "{u}/20010101T000000Z/d/a", status: 404}, {as: "nobody", do: "GET " + served + "{u}/d/a", status: 404},
			{do: "DELETE {repo}versions/1/", status: 400, want: []string{`0 ~ .`}, about: "a checkpoint protects its version"}, wait("DELETE {repo}versions/0/", ``),
			{do: "GET " + pubs + "?repository={repo}&checkpoint=true", status: 200, want: []string{`results.*.pulp_href = ["{pub}"]`}},
			{do: "POST " + pubs, body: `{"repository":"{repo}","checkpoint":true}`, status: 202, task: "completed", keep: map[string]string{"pub2": "result.pulp_href"}},
			wait("PATCH {repo}", `{"retain_checkpoints":1}`), {do: "GET {pub}", status: 200, want: []string{`checkpoint = false`}}, {do: "GET {pub2}", status: 200, want: []string{`checkpoint = true`}},
			{do: "PATCH {repo}", body: `{"retain_checkpoints":0}`, status: 400, want: []string{`retain_checkpoints.# = 1`}},
			wait("DELETE {repo}versions/1/", ``), {do: "GET {pub}", status: 404, about: "publications go with their version"},
		}},
		{"what a delete takes along", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/"}`, status: 201, keep: map[string]string{"remote": "pulp_href"}},
			{do: "POST " + repos, body: `{"name":"{u}","remote":"{remote}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			wait("DELETE {remote}", ``, `result = null`), {do: "GET {repo}", status: 200, want: []string{`remote = null`}},
			{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"pub": "result.pulp_href"}},
			{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}","publication":"{pub}"}`, status: 202, task: "completed", keep: map[string]string{"dist": "result.pulp_href"}},
			{do: "DELETE {repo}versions/0/", status: 400, want: []string{`0 ~ .`}}, {do: "DELETE {pub}", status: 204, about: "although it is distributed"},
			{do: "GET {dist}", status: 200, want: []string{`publication = null`, `no_content_change_since = null`}}, {as: "nobody", do: "GET " + served + "{u}/", status: 404},
			wait("PATCH {dist}", `{"repository_version":"{repo}versions/0/"}`), wait("DELETE {repo}", ``), {do: "GET {dist}", status: 200, want: []string{`repository_version = null`, `repository = null`}},
			{do: "GET {repo}versions/", status: 404}, wait("DELETE {dist}", ``), {do: "GET {dist}", status: 404},
		}},
	}
}

// TestTasksAreCanceled cancels a task that runs and one that waits for it: the answer is 200 and both end so.
func TestTasksAreCanceled(t *testing.T) {
	t.Parallel()
	for name, settings := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := map[string]string{"egress.allow": "127.0.0.0/8"}
			for key, value := range settings(t) {
				flags[key] = value
			}
			w := newWorld(t, flags)
			up := upstream.New(t)
			up.Set("/f", []byte("stalled"))
			up.Always("/f", upstream.Stall(3))
			vars := map[string]string{"url": up.URL + "/f"}
			play := func(steps ...step) {
				t.Helper()
				for _, s := range steps {
					w.step(t, s.do, s, vars)
				}
			}
			urlencoded := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
			play(step{do: "POST " + repos, body: `{"name":"r"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
				step{do: "POST " + files, header: urlencoded, body: "relative_path=a&repository={repo}&file_url={url}", status: 202, keep: map[string]string{"running": "task"}})
			<-up.Stalled()
			play(step{do: "POST {repo}modify/", body: `{"remove_content_units":["*"]}`, status: 202, keep: map[string]string{"waiting": "task"}},
				step{do: "GET {running}", status: 200, want: []string{`state = "running"`}}, step{do: "GET {waiting}", status: 200, want: []string{`state = "waiting"`, `started_at = null`}},
				step{do: "PATCH {waiting}", body: `{"state":"canceled"}`, status: 200, want: []string{`pulp_href = "{waiting}"`, `state ~ ^"cancel(ed|ing)"$`}},
				step{do: "PATCH {running}", body: `{"state":"canceled"}`, status: 200, want: []string{`pulp_href = "{running}"`, `state ~ ^"cancel(ed|ing)"$`}})
			for _, task := range []string{"waiting", "running"} {
				ended := w.finished(t, task, []byte(`{"task":"`+vars[task]+`"}`))
				if fault := check(ended, `state = "canceled"`); fault != "" {
					t.Errorf("%s: %s", task, fault)
				}
			}
			play(step{do: "PATCH {running}", body: `{"state":"canceled"}`, status: 409, want: []string{`state = "canceled"`}},
				step{do: "GET {repo}", status: 200, want: []string{`latest_version_href = "{repo}versions/0/"`}}, step{do: "GET " + files, status: 200, want: []string{`count = 0`}},
				step{do: "GET /artifacts/", status: 200, want: []string{`count = 0`}})
		})
	}
}
