package journey_test

// versions are what repositories are made of (rest-contract §2.7 modify, §2.8).
func versions() []scenario {
	unit := func(name, text, path string) step {
		return step{do: "POST " + files + "upload/", parts: []part{{"file", "f", text}, {"relative_path", "", path}}, status: 201, keep: map[string]string{name: "pulp_href", name + "_prn": "prn"}}
	}
	modify := func(body string, want ...string) step {
		return step{do: "POST {repo}modify/", body: body, status: 202, task: "completed", want: append(want, `name = "pulpcore.app.tasks.repository.add_and_remove"`, `result = null`)}
	}
	holds := func(version, units string) step {
		return step{do: "GET " + files + "?ordering=relative_path&repository_version=" + version, status: 200, want: []string{`results.*.pulp_href = [` + units + `]`}}
	}
	return []scenario{
		{"modify", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
			{do: "POST " + repos, body: `{"name":"{u}2"}`, status: 201, keep: map[string]string{"repo2": "pulp_href"}},
			unit("a", "{t1}", "a/{u}"), unit("a2", "{t2}", "a/{u}"), unit("b", "{t2}", "b/{u}"),
			{do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [0]`, `results.0.content_summary = {"added":{},"present":{},"removed":{}}`, `results.0.base_version = null`, `results.0.vuln_report ~ ^"/pulp/api/v3/vuln_report/\?repo_versions=prn:core.repositoryversion:`}},
			modify(`{}`, `created_resources = []`), modify(`{"remove_content_units":["*"]}`, `created_resources = []`), modify(`{"remove_content_units":["{a}"]}`, `created_resources = []`),
			modify(`{"add_content_units":["{a}","{b_prn}"]}`, `created_resources = ["{repo}versions/1/"]`, `reserved_resources_record.0 = "{prn}"`),
			modify(`{"add_content_units":["{a}"]}`, `created_resources = []`),
			{do: "GET {repo}versions/1/", status: 200, want: []string{`number = 1`, `repository = "{repo}"`, `content_summary.added = {"file.file":{"count":2,"href":"/pulp/api/v3/content/file/files/?repository_version_added={repo}versions/1/"}}`,
				`content_summary.present = {"file.file":{"count":2,"href":"/pulp/api/v3/content/file/files/?repository_version={repo}versions/1/"}}`, `content_summary.removed = {}`, `prn ~ ^"prn:core.repositoryversion:`}},
			modify(`{"add_content_units":["{a2}"]}`, `created_resources = ["{repo}versions/2/"]`), holds("{repo}", `"{a2}","{b}"`),
			{do: "POST {repo}modify/", body: `{"add_content_units":["{a}"],"overwrite":false}`, status: 202, task: "failed", want: []string{`error.error_code = "PLP0023"`, `created_resources = []`}},
			modify(`{"remove_content_units":["{b}"]}`, `created_resources = ["{repo}versions/3/"]`), holds("{repo}", `"{a2}"`),
			modify(`{"base_version":"{repo}versions/1/"}`, `created_resources = ["{repo}versions/4/"]`), holds("{repo}", `"{a}","{b}"`), holds("{repo}versions/3/", `"{a2}"`), holds("{repo}versions/1/", `"{a}","{b}"`),
			modify(`{"base_version":"{repo}versions/0/","add_content_units":["{b}"]}`, `created_resources.# = 1`), holds("{repo}", `"{b}"`),
			modify(`{"remove_content_units":["*"],"add_content_units":["{a}"]}`, `created_resources.# = 1`), holds("{repo}", `"{a}"`),
			{do: "POST {repo2}modify/", body: `{"base_version":"{repo}versions/1/"}`, status: 202, task: "completed", want: []string{`created_resources = ["{repo2}versions/1/"]`}}, holds("{repo2}", `"{a}","{b}"`),
			{do: "GET {repo}", status: 200, want: []string{`latest_version_href = "{repo}versions/6/"`}},
			{do: "POST {repo}modify/", body: `{"remove_content_units":["*","{a}"]}`, status: 400, want: []string{`remove_content_units.# = 1`}},
			{do: "POST {repo}modify/", body: `{"add_content_units":["/pulp/api/v3/content/file/files/{none}/"]}`, status: 400, want: []string{`add_content_units.# = 1`}},
			{do: "POST {repo}modify/", body: `{"add_content_units":["{repo}"]}`, status: 400, want: []string{`add_content_units.# = 1`}}, {do: "POST {repo}modify/", body: `{"add_content_units":"{a}"}`, status: 400},
			{do: "POST {repo}modify/", body: `{"add_content_units":[5]}`, status: 400}, {do: "POST {repo}modify/", body: `{"base_version":"{repo}versions/99/"}`, status: 400, want: []string{`base_version.# = 1`}},
			{do: "POST {repo}modify/", body: `{"foo":1}`, status: 400, want: []string{`foo = ["Unexpected field"]`}},
			{do: "GET {repo}versions/?content={a2}&ordering=number", status: 200, want: []string{`results.*.number = [2,3]`}}, {do: "GET {repo}versions/?content__in={a2},{b}&ordering=number", status: 200, want: []string{`results.*.number = [1,2,3,4,5]`}},
			{do: "GET {repo}versions/?number__gt=1&number__range=0,2", status: 200, want: []string{`results.*.number = [2]`}}, {do: "GET {repo}versions/?number=3", status: 200, want: []string{`count = 1`}},
			{do: "GET {repo}versions/?content=x", status: 400, want: []string{`0 ~ .`}}, {do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [6,5,4,3,2,1,0]`}},
			{do: "GET {repo}versions/99/", status: 404}, {do: "GET {repo}versions/x/", status: 404}, {do: "GET {repo}versions/01/", status: 404}, {do: "GET {repo}versions/0x1/", status: 404}, {do: "GET {repo}versions/1.0/", status: 404}, {do: "GET {repo}versions/+1/", status: 404},
		}},
		{"delete", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
			unit("a", "{t1}", "a/{u}"), unit("b", "{t2}", "b/{u}"),
			modify(`{"add_content_units":["{a}"]}`), modify(`{"add_content_units":["{b}"]}`), modify(`{"remove_content_units":["{a}"]}`),
			{do: "DELETE {repo}versions/2/", status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.repository.delete_version"`, `result = null`, `reserved_resources_record.0 = "{prn}"`}},
			{do: "GET {repo}versions/2/", status: 404}, holds("{repo}versions/1/", `"{a}"`), holds("{repo}versions/3/", `"{b}"`), {do: "GET {repo}versions/3/", status: 200, want: []string{`content_summary.added.file.file absent`, `content_summary.present.# = 1`}},
			{do: "DELETE {repo}versions/3/", status: 202, task: "completed"}, holds("{repo}", `"{a}"`),
			modify(`{"remove_content_units":["*"]}`, `created_resources = ["{repo}versions/4/"]`),
			{do: "DELETE {repo}versions/0/", status: 202, task: "completed"}, {do: "DELETE {repo}versions/1/", status: 202, task: "completed"},
			{do: "DELETE {repo}versions/4/", status: 202, task: "failed", want: []string{`error.error_code = "PLP0011"`}},
			{do: "DELETE {repo}versions/1/", status: 404},
		}},
		{"protected", []step{
			{do: "POST " + repos, body: `{"name":"{u}","autopublish":true}`, status: 201, keep: map[string]string{"repo": "pulp_href"}}, unit("a", "{t1}", "a"), unit("b", "{t2}", "b"),
			modify(`{"add_content_units":["{a}"]}`), modify(`{"add_content_units":["{b}"]}`),
			{do: "POST /distributions/file/file/", body: `{"name":"{u}","base_path":"{u}","repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"dist": "created_resources.0"}},
			{do: "DELETE {repo}versions/2/", status: 400, want: []string{`0 ~ .`}}, {do: "DELETE {repo}versions/1/", status: 202, task: "completed"},
			{do: "PATCH {dist}", body: `{"repository":null}`, status: 202, task: "completed"}, {do: "DELETE {repo}versions/2/", status: 202, task: "completed"},
		}},
		{"kept to a number", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}}, unit("a", "{t1}", "a"),
			modify(`{"add_content_units":["{a}"]}`), modify(`{"remove_content_units":["*"]}`), modify(`{"add_content_units":["{a}"]}`),
			{do: "PATCH {repo}", body: `{"retain_repo_versions":2}`, status: 202, task: "completed"}, {do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [3,2]`}},
			modify(`{"remove_content_units":["*"]}`), {do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [4,3]`}}, holds("{repo}versions/3/", `"{a}"`),
		}},
	}
}
