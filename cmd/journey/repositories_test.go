package journey_test

const repos = "/repositories/file/file/"

// repositories are the standard operations of a resource that answers at once (rest-contract §1.9, §2.7).
func repositories() []scenario {
	return []scenario{
		{"a repository's life", []step{
			{do: "POST " + repos, body: `{"name":" {u} "}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}, want: []string{
				`name = "{u}"`, `description = null`, `retain_repo_versions = null`, `retain_checkpoints = null`, `remote = null`, `autopublish = false`, `manifest = "PULP_MANIFEST"`,
				`last_sync_details = {}`, `pulp_labels = {}`, `prn ~ ^"prn:file.filerepository:`, `latest_version_href ~ /versions/0/"$`, `versions_href ~ /versions/"$`,
				`pulp_created ~ ^"20[0-9-]{8}T[0-9:]{8}(\.[0-9]{6})?Z"$`, `# = 15`}},
			{do: "GET {repo}", status: 200, want: []string{`name = "{u}"`}, headers: map[string]string{"Location": ""}},
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 400, want: []string{`. = {"name":["This field must be unique."]}`}},
			{do: "PATCH {repo}", body: `{}`, status: 200, want: []string{`name = "{u}"`}},
			{do: "PATCH {repo}", body: `{"name":"{u}","autopublish":false,"pulp_labels":{},"description":null}`, status: 200, about: "nothing differs, so no task"},
			{do: "GET /tasks/?exclusive_resources={prn}", status: 200, want: []string{`count = 0`}},
			{do: "PATCH {repo}", body: `{"description":"x","pulp_labels":{"a":"b","c":null},"retain_repo_versions":"3"}`, status: 202, task: "completed", want: []string{
				`name = "pulpcore.app.tasks.base.ageneral_update"`, `result.description = "x"`, `result.pulp_labels = {"a":"b","c":null}`, `result.retain_repo_versions = 3`,
				`reserved_resources_record.0 = "{prn}"`, `reserved_resources_record.1 ~ ^"shared:prn:core.domain:`, `created_resources = []`, `error = null`, `created_by ~ /users/`}},
			{do: "PATCH {repo}", body: `{"description":"x"}`, status: 200},
			{do: "PATCH {repo}", body: `{"description":""}`, status: 400},
			{do: "PATCH {repo}", body: `{"foo":1}`, status: 400, want: []string{`foo = ["Unexpected field"]`}},
			{do: "PATCH {repo}", body: `{"pulp_href":"x","prn":"y","latest_version_href":"z","pulp_created":"n","last_sync_details":5}`, status: 200, about: "read-only members are ignored"},
			{do: "PUT {repo}", body: `{}`, status: 400, want: []string{`name = ["This field is required."]`}},
			{do: "PUT {repo}", body: `{"name":"{u}","manifest":null}`, status: 202, task: "completed", want: []string{`result.manifest = null`, `result.pulp_labels = {}`, `result.description = "x"`},
				about: "what has a default returns to it, what has none stays"},
			{do: "PUT {repo}", body: `{"name":"{u}"}`, status: 202, task: "completed", want: []string{`result.manifest = "PULP_MANIFEST"`}},
			{do: "PUT {repo}", body: `{"name":"{u}"}`, status: 200},
			{do: "GET /tasks/?exclusive_resources={prn}", status: 200, want: []string{`count = 3`}},
			{do: "DELETE {repo}", status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.ageneral_delete"`, `result = null`, `created_resources = []`}},
			{do: "GET {repo}", status: 404},
			{do: "DELETE {repo}", status: 404},
		}},
		{"names are unique over updates", []step{
			{do: "POST " + repos, body: `{"name":"{u}a"}`, status: 201, keep: map[string]string{"a": "pulp_href"}},
			{do: "POST " + repos, body: `{"name":"{u}b"}`, status: 201},
			{do: "PATCH {a}", body: `{"name":"{u}b"}`, status: 400, want: []string{`name = ["This field must be unique."]`}},
			{do: "PATCH {a}", body: `{"name":"{u}c"}`, status: 202, task: "completed"},
		}},
		{"members by request", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "GET {repo}?fields=name,prn", status: 200, want: []string{`# = 2`, `name = "{u}"`}},
			{do: "GET {repo}?fields=name&fields=prn,foo", status: 200, want: []string{`# = 2`}},
			{do: "GET {repo}?fields=foo", status: 200, want: []string{`. = {}`}},
			{do: "GET {repo}?exclude_fields=name,prn", status: 200, want: []string{`# = 13`, `name absent`}},
			{do: "GET {repo}?fields=name,prn&exclude_fields=name", status: 200, want: []string{`# = 1`}},
			{do: "GET " + repos + "?name={u}&fields=name", status: 200, want: []string{`results = [{"name":"{u}"}]`}},
			{do: "GET " + repos + "?name={u}&minimal=true", status: 200, want: []string{`results.0.# = 15`}},
		}},
	}
}

// labels are set and unset one by one, and selected (rest-contract §1.11, §1.15).
func labels() []scenario {
	return []scenario{
		{"one label at a time", []step{
			{do: "POST " + repos, body: `{"name":"{u}","pulp_labels":{"env":"prod"}}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "POST {repo}set_label/", body: `{"key":"a b.c-d","value":"x, y"}`, status: 201, want: []string{`. = {"key":"a b.c-d","value":"x, y"}`}},
			{do: "POST {repo}set_label/", body: `{"key":"nothing","value":null}`, status: 201, want: []string{`value = null`}},
			{do: "POST {repo}set_label/", body: `{"key":"blank","value":"","more":1}`, status: 201, want: []string{`value = ""`}},
			{do: "POST {repo}set_label/", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: `key=form&value=`, status: 201, want: []string{`value = ""`}},
			{do: "POST {repo}set_label/", body: `{"key":"ключ","value":"значение"}`, status: 201},
			{do: "POST {repo}set_label/", body: `{"key":"a/b","value":"x"}`, status: 400, want: []string{`key.# = 1`}},
			{do: "POST {repo}set_label/", body: `{"key":"a","value":"(x"}`, status: 400, want: []string{`value.# = 1`}},
			{do: "POST {repo}set_label/", body: `{"key":"a"}`, status: 400, want: []string{`value = ["This field is required."]`}},
			{do: "POST {repo}unset_label/", body: `{"key":"env"}`, status: 201, want: []string{`. = {"key":"env","value":"prod"}`}},
			{do: "POST {repo}unset_label/", body: `{"key":"env"}`, status: 400, want: []string{`key.# = 1`}},
			{as: plain, do: "POST {repo}unset_label/", body: `{"key":"a b.c-d"}`, status: 404},
			{do: "GET {repo}", status: 200, want: []string{`pulp_labels = {"a b.c-d":"x, y","blank":"","form":"","nothing":null,"ключ":"значение"}`}},
		}},
		{"select", []step{
			{do: "POST " + repos, body: `{"name":"{u}a","pulp_labels":{"{u}":"Prod","os":"el8","n":null}}`, status: 201},
			{do: "POST " + repos, body: `{"name":"{u}b","pulp_labels":{"{u}":"test, too","os":"el9"}}`, status: 201},
			{do: "POST " + repos, body: `{"name":"{u}c","pulp_labels":{"os":"el9","q?":"x"}}`, status: 400},
			{do: "POST " + repos, body: `{"name":"{u}c","pulp_labels":{"os":"el9"}}`, status: 201},
			selects("{u}", "b", "a"), selects("{u}=Prod", "a"), selects("{u}!=Prod", "b"), selects("!{u}", "c"), selects("{u}~PRO", "a"), selects("{u}~%25"), selects("{u}=prod"),
			selects(`{u}=test\,%20too`, "b"), selects("{u},os=el9", "b"), selects("{u},!os"), selects("n", "a"), selects("n="), selects("n!=x"), selects("%20os~EL9%20", "c", "b"),
			{do: "GET " + repos + "?pulp_label_select=!{u}=x", status: 400}, {do: "GET " + repos + "?pulp_label_select=a,", status: 400},
			{do: "GET " + repos + "?pulp_label_select=a/b", status: 400},
			{do: "GET " + repos + "?name__startswith={u}&pulp_label_select=", status: 200, want: []string{`count = 3`}},
		}},
	}
}

// selects wants the repositories whose names end in the letters, newest first.
func selects(selector string, letters ...string) step {
	return step{about: selector, do: "GET " + repos + "?name__startswith={u}&pulp_label_select=" + selector, status: 200, want: []string{named(letters)}}
}

func named(letters []string) string {
	text := "results.*.name = ["
	for i, letter := range letters {
		if i > 0 {
			text += ","
		}
		text += `"{u}` + letter + `"`
	}
	return text + "]"
}
