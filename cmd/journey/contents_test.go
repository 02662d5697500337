package journey_test

const files = "/content/file/files/"

// contents are files at relative paths (rest-contract §2.6).
func contents() []scenario {
	refused := func(about, path string) step {
		return step{about: about, do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", path}}, status: 400, want: []string{`relative_path.# = 1`}}
	}
	return []scenario{
		{"from a file, into a repository", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "rprn": "prn"}},
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "a/{u}"}, {"repository", "", "{repo}"}, {"pulp_labels", "", `{"x":"y"}`}}, status: 202, task: "completed",
				keep: map[string]string{"unit": "result.pulp_href"}, want: []string{`name = "pulpcore.app.tasks.base.general_create"`, `created_resources.0 = "{repo}versions/1/"`, `created_resources.# = 2`,
					`result.relative_path = "a/{u}"`, `result.sha256 = "{t1_sha256}"`, `result.md5 = null`, `result.pulp_labels = {"x":"y"}`, `result.artifact ~ /artifacts/`, `result.vuln_report = null`, `reserved_resources_record.0 = "{rprn}"`}},
			{do: "GET {unit}", status: 200, want: []string{`# = 14`, `file absent`, `repository absent`, `overwrite absent`}},
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "a/{u}"}, {"pulp_labels", "", `{"x":"z"}`}}, status: 202, task: "completed",
				want: []string{`result.pulp_href = "{unit}"`, `created_resources = ["{unit}"]`, `result.pulp_labels = {"x":"y"}`}, about: "what is there already is given back, its labels unchanged"},
			{do: "POST " + files, parts: []part{{"file", "f", "{t2}"}, {"relative_path", "", "a/{u}"}, {"repository", "", "{repo}"}, {"overwrite", "", "false"}}, status: 202, task: "failed", want: []string{`error.error_code = "PLP0023"`}},
			{do: "POST " + files, parts: []part{{"file", "f", "{t2}"}, {"relative_path", "", "a/{u}"}, {"repository", "", "{repo}"}}, status: 202, task: "completed", keep: map[string]string{"other": "result.pulp_href"}},
			{do: "GET " + files + "?repository_version={repo}", status: 200, want: []string{`results.*.pulp_href = ["{other}"]`}},
			{do: "GET " + files + "?repository_version={repo}versions/1/", status: 200, want: []string{`results.*.pulp_href = ["{unit}"]`}},
			{do: "GET " + files + "?repository_version_added={repo}versions/2/", status: 200, want: []string{`results.*.pulp_href = ["{other}"]`}},
			{do: "GET " + files + "?repository_version_removed={repo}versions/2/", status: 200, want: []string{`results.*.pulp_href = ["{unit}"]`}},
			{do: "GET " + files + "?q=repository_version={repo}", status: 400, about: "words of an expression have no slashes outside quotes"},
			{do: "GET " + files + "?q=repository_version=%22{repo}%22%20OR%20sha256={t1_sha256}", status: 200, want: []string{`count = 2`}},
			{do: "GET /artifacts/?repository_version={repo}versions/1/", status: 200, want: []string{`results.*.sha256 = ["{t1_sha256}"]`}},
			{do: "GET " + files + "?relative_path=a/{u}&ordering=pulp_created", status: 200, want: []string{`results.*.pulp_href = ["{unit}","{other}"]`}},
			{do: "GET " + files + "?relative_path__startswith=a/{u}&sha256={t1_sha256}", status: 200, want: []string{`count = 1`}},
			{do: "GET " + files + "?digest={t2_sha256}", status: 200, want: []string{`count = 1`}},
			{do: "GET " + files + "?sha512={t2_sha512}", status: 200, want: []string{`results.*.pulp_href = ["{other}"]`}},
			{do: "GET /content/?pulp_type=file.file&pulp_href__in={unit}", status: 200, want: []string{`results.0.artifacts.a/{u} ~ /artifacts/`, `results.0.relative_path absent`}},
			{do: "GET " + files + "?orphaned_for=0&relative_path=a/{u}", status: 200, want: []string{`count = 0`}},
			{do: "GET " + repos + "?with_content={unit}", status: 200, want: []string{`count = 1`}}, {do: "GET " + repos + "?latest_with_content={unit}", status: 200, want: []string{`count = 0`}},
			{do: "GET " + repos + "?latest_with_content={other}", status: 200, want: []string{`results.*.name = ["{u}"]`}}, {do: "GET " + repos + "?with_content={repo}", status: 400, want: []string{`0 ~ .`}},
			{do: "POST {unit}set_label/", body: `{"key":"k","value":"v"}`, status: 201}, {do: "GET {unit}", status: 200, want: []string{`pulp_labels = {"k":"v","x":"y"}`}},
			{do: "GET {unit}downloads/", status: 200, want: []string{`. = {"last_downloaded":null}`}}, {as: plain, do: "GET {unit}downloads/", status: 404}, {do: "POST {unit}downloads/", body: `{}`, status: 405},
			{do: "DELETE {unit}", status: 405}, {do: "PATCH {unit}", body: `{}`, status: 405},
		}},
		{"from an artifact", []step{
			{do: "POST /artifacts/", parts: []part{{"file", "f", "{t1}"}}, status: 201, keep: map[string]string{"a": "pulp_href", "aprn": "prn"}},
			{do: "POST " + files, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "relative_path={u}&artifact={aprn}", status: 202, task: "completed", want: []string{`result.artifact = "{a}"`}, keep: map[string]string{"unit": "result.pulp_href"}},
			{do: "POST " + files, body: `{"relative_path":"{u}","artifact":"{a}"}`, status: 202, task: "completed", want: []string{`result.pulp_href = "{unit}"`}},
			{do: "POST " + files, body: `{"relative_path":"{u}"}`, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST " + files, parts: []part{{"relative_path", "", "{u}"}, {"artifact", "", "{a}"}, {"file", "f", "{t2}"}}, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST " + files, body: `{"artifact":"{a}"}`, status: 400, want: []string{`relative_path = ["This field is required."]`}},
			{do: "POST " + files, body: `{"relative_path":"{u}","artifact":"/pulp/api/v3/artifacts/{none}/"}`, status: 400, want: []string{`artifact.# = 1`}},
			{do: "POST " + files, body: `{"relative_path":"{u}","artifact":"{unit}"}`, status: 400, want: []string{`artifact.# = 1`}},
			{do: "POST " + files, body: `{"relative_path":"{u}","artifact":"{a}","repository":"{a}"}`, status: 400, want: []string{`repository.# = 1`}},
		}},
		{"at once", []step{
			{do: "POST " + files + "upload/", parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}}, status: 201, want: []string{`sha256 = "{t1_sha256}"`}, keep: map[string]string{"unit": "pulp_href"}},
			{do: "POST " + files + "upload/", parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}}, status: 201, want: []string{`pulp_href = "{unit}"`}},
			{do: "POST " + files + "upload/", parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}, {"repository", "", "x"}}, status: 400, want: []string{`repository = ["Unexpected field"]`}},
			{do: "POST " + files + "upload/", parts: []part{{"relative_path", "", "{u}"}}, status: 400, want: []string{`non_field_errors.# = 1`}},
			{as: plain, do: "POST " + files + "upload/", parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}}, status: 403},
		}},
		{"paths that are refused", []step{
			refused("climbing", "../{u}"), refused("climbing", "a/../../{u}"), refused("absolute", "/{u}"), refused("a folder", "{u}/"), refused("empty segment", "a//{u}"), refused("dot", "./{u}"), refused("dot", "a/./{u}"),
			refused("white space", "a b/{u}"), refused("tab", "a\t{u}"), refused("no-break space", "a\u00a0{u}"), refused("query", "a?{u}"), refused("fragment", "a#{u}"), refused("null", "a\x00{u}"), refused("backslash", `..\{u}`),
			refused("not UTF-8", "a\xff{u}"), refused("empty", ""), refused("control", "a\x01{u}"), refused("only dots", ".."),
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "%2e%2e/{u}"}}, status: 202, task: "completed", want: []string{`result.relative_path = "%2e%2e/{u}"`}, about: "percent signs are themselves"},
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "ä/{u}"}}, status: 202, task: "completed", want: []string{`result.relative_path = "ä/{u}"`}},
		}},
	}
}

// bodies are read by their media type (rest-contract §1.5).
func bodies() []scenario {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	return []scenario{{"media types of bodies", []step{
		{do: "POST " + repos, header: form, body: "name={u}&autopublish=true&description=&pulp_labels=%7B%22a%22%3A%22b%22%7D&retain_repo_versions=2", status: 201, keep: map[string]string{"repo": "pulp_href"},
			want: []string{`autopublish = true`, `description = null`, `pulp_labels = {"a":"b"}`, `retain_repo_versions = 2`}},
		{do: "PUT {repo}", header: form, body: "name={u}", status: 202, task: "completed", want: []string{`result.autopublish = false`}, about: "an absent boolean of a form is false"},
		{do: "PATCH {repo}", header: form, body: "description=x", status: 202, task: "completed", want: []string{`result.retain_repo_versions = 2`}},
		{do: "PATCH {repo}", parts: []part{{"description", "", "y"}, {"csrfmiddlewaretoken", "", "z"}}, status: 202, task: "completed", want: []string{`result.description = "y"`}},
		{do: "PATCH {repo}", parts: []part{{"description", "file", "y"}}, status: 400, want: []string{`description.# = 1`}, about: "a file where none is expected"},
		{do: "PATCH {repo}", header: form, body: "description=%ff", status: 400, want: []string{`description.# = 1`}},
		{do: "PATCH {repo}", header: form, body: "description=%00", status: 400},
		{do: "PATCH {repo}", header: form, body: "description=%zz", status: 400},
		{do: "PATCH {repo}", body: "{\"description\":\"\xff\"}", status: 400, want: []string{`detail ~ JSON`}},
		{do: "PATCH {repo}", body: `{"description":`, status: 400, want: []string{`detail ~ JSON`}},
		{do: "PATCH {repo}", body: `{} {}`, status: 400}, {do: "PATCH {repo}", body: `"x"`, status: 400}, {do: "PATCH {repo}", body: `null`, status: 400},
		{do: "PATCH {repo}", body: `  `, status: 200, about: "an empty body is {}"},
		{do: "PATCH {repo}", status: 200},
		{do: "PATCH {repo}", body: `{"description":"a","description":"y"}`, status: 200, about: "of two equal keys the last one counts"},
		{do: "PATCH {repo}", body: `{"pulp_labels":{"a":{"b":1}}}`, status: 400}, {do: "PATCH {repo}", body: `{"pulp_labels":[1]}`, status: 400},
		{do: "PATCH {repo}", header: map[string]string{"Content-Type": "multipart/form-data"}, body: "x", status: 400},
		{do: "PATCH {repo}", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, body: "--x\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\ncut o", status: 400},
		{do: "PATCH {repo}", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, body: "junk", status: 400},
		{do: "GET {repo}", status: 200, want: []string{`description = "y"`}},
	}}}
}
