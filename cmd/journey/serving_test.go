package journey_test

const (
	pubs  = "/publications/file/file/"
	dists = "/distributions/file/file/"
	// served is where content is served.
	served = "/pulp/content/"
)

// publications are versions made ready for clients (rest-contract §2.9).
func publications() []scenario {
	return []scenario{{"a publication's life", []step{
		{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "rprn": "prn"}},
		{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}, {"repository", "", "{repo}"}}, status: 202, task: "completed", keep: map[string]string{"unit": "result.pulp_href"}},
		{do: "POST " + pubs, body: `{"repository":"{repo}","manifest":"LIST"}`, status: 202, task: "completed", keep: map[string]string{"pub": "result.pulp_href", "made": "result.pulp_created"}, want: []string{
			`name = "pulp_file.app.tasks.publishing.publish"`, `created_resources.# = 1`, `result.repository = "{repo}"`, `result.repository_version = "{repo}versions/1/"`, `result.manifest = "LIST"`,
			`result.distributions = []`, `result.checkpoint = false`, `reserved_resources_record.0 = "shared:{rprn}"`}},
		{do: "GET {pub}", status: 200, want: []string{`pulp_href = "{pub}"`, `prn ~ ^"prn:file.filepublication:`}},
		{do: "POST " + pubs, body: `{"repository_version":"{repo}versions/0/","manifest":null}`, status: 202, task: "completed", want: []string{`result.manifest = null`}},
		{do: "POST " + pubs, body: `{"repository_version":"{repo}versions/0/","checkpoint":true}`, status: 400, want: []string{`non_field_errors.# = 1`}},
		{do: "POST " + pubs, body: `{"repository":"{repo}","manifest":"../x"}`, status: 400, want: []string{`manifest.# = 1`}},
		{do: "GET " + pubs + "?repository={repo}&repository_version={repo}versions/1/", status: 200, want: []string{`results.*.pulp_href = ["{pub}"]`}},
		{do: "GET " + pubs + "?repository={repo}&content={unit}", status: 200, want: []string{`results.*.pulp_href = ["{pub}"]`}},
		{do: "GET " + pubs + "?repository={repo}&content__in={unit}", status: 200, want: []string{`results.*.pulp_href = ["{pub}"]`}},
		{do: "GET " + pubs + "?repository={repo}&checkpoint=true", status: 200, want: []string{`count = 0`}},
		{do: "GET " + pubs + "?repository={repo}&pulp_created__lte={made}", status: 200, want: []string{`results.*.pulp_href = ["{pub}"]`}},
		{do: "GET /publications/?repository={repo}&pulp_type=file.file", status: 200, want: []string{`count = 2`, `results.0.repository = "{repo}"`, `results.0.manifest absent`}},
		{do: "DELETE {pub}", status: 204}, {do: "GET {pub}", status: 404}, {do: "DELETE {pub}", status: 404},
		{do: "GET /tasks/?created_resources={pub}", status: 200, want: []string{`results.0.created_resources = ["<unavailable>"]`, `count = 1`}},
	}}}
}

// distributions are where clients come (rest-contract §2.11).
func distributions() []scenario {
	get := func(path, body string) step {
		return step{as: "nobody", do: "GET " + served + path, status: 200, has: []string{body}}
	}
	gone := func(path string) step { return step{as: "nobody", do: "GET " + served + path, status: 404} }
	return []scenario{
		{"a distribution's life", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"pub": "result.pulp_href"}},
			{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}/x"}`, status: 202, task: "completed", keep: map[string]string{"dist": "result.pulp_href", "prn": "result.prn"}, want: []string{
				`name = "pulpcore.app.tasks.base.general_create"`, `created_resources.# = 1`, `reserved_resources_record.0 ~ ^"pdrn:[0-9a-f-]{36}:distribution.base_path"$`, `reserved_resources_record.1 ~ ^"shared:pdrn:[0-9a-f-]{36}:distributions"$`,
				`result.base_url = "/pulp/content/{u}/x/"`, `result.content_guard = null`, `result.content_guard_prn = null`, `result.hidden = false`, `result.repository = null`, `result.repository_version = null`, `result.publication = null`,
				`result.checkpoint = false`, `result.no_content_change_since = null`, `result.pulp_labels = {}`, `result.remote = null`, `result.# = 17`}},
			{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}/y"}`, status: 400, want: []string{`. = {"name":["This field must be unique."]}`}},
			{do: "POST " + dists, body: `{"name":"{u}2","base_path":"{u}/x"}`, status: 400, want: []string{`base_path.# = 1`}},
			{do: "POST " + dists, body: `{"name":"{u}2","base_path":"{u}"}`, status: 400, want: []string{`base_path ~ {u}/x`}, about: "above another one"},
			{do: "POST " + dists, body: `{"name":"{u}2","base_path":"{u}/x/y/z"}`, status: 400, want: []string{`base_path ~ {u}/x`}, about: "below another one"},
			{do: "POST " + dists, body: `{"name":"{u}2","base_path":"{u}/xy"}`, status: 202, task: "completed", about: "beside another one"},
			{do: "POST " + dists, body: `{"name":"{u}3","base_path":"/{u}"}`, status: 400, want: []string{`base_path.# = 1`}}, {do: "POST " + dists, body: `{"name":"{u}3","base_path":"{u}/../z"}`, status: 400},
			{do: "POST " + dists, body: `{"name":"{u}3","base_path":"{u} z"}`, status: 400}, {do: "POST " + dists, body: `{"name":"{u}3"}`, status: 400, want: []string{`base_path = ["This field is required."]`}},
			{do: "PATCH {dist}", body: `{"hidden":false,"repository":null,"publication":null,"repository_version":null,"content_guard":null}`, status: 200},
			{do: "PUT {dist}", body: `{"name":"{u}","base_path":"{u}/x"}`, status: 200},
			{do: "PATCH {dist}", body: `{"repository":"{repo}"}`, status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.ageneral_update"`, `result.repository = "{repo}"`, `reserved_resources_record ~ {prn}`}},
			{do: "PATCH {dist}", body: `{"repository":"{repo}"}`, status: 200}, {do: "PUT {dist}", body: `{"name":"{u}","base_path":"{u}/x"}`, status: 200, about: "what has no default stays"},
			{do: "PATCH {dist}", body: `{"publication":"{pub}"}`, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "PATCH {dist}", body: `{"publication":"{pub}","repository":null}`, status: 202, task: "completed", want: []string{`result.publication = "{pub}"`, `result.repository = null`, `result.no_content_change_since ~ ^"20`}},
			{do: "GET {pub}", status: 200, want: []string{`distributions = ["{dist}"]`}},
			{do: "PATCH {dist}", body: `{"publication":null,"repository_version":"{repo}versions/0/"}`, status: 202, task: "completed", want: []string{`result.repository_version = "{repo}versions/0/"`}},
			{do: "PATCH {dist}", body: `{"repository_version":null,"repository":"{pub}"}`, status: 400, want: []string{`repository.# = 1`}},
			{do: "PATCH {dist}", body: `{"repository_version":null,"repository":"{repo}","checkpoint":true}`, status: 202, task: "completed", want: []string{`result.checkpoint = true`}},
			{do: "GET " + dists + "?checkpoint=true&repository={repo}", status: 200, want: []string{`results.*.pulp_href = ["{dist}"]`}},
			{do: "GET " + dists + "?base_path__icontains=U{u}&name={u}", status: 200, want: []string{`count = 0`}}, {do: "GET " + dists + "?base_path__contains={u}/&ordering=name", status: 200, want: []string{`count = 2`}},
			{do: "GET " + dists + "?base_path={u}/x", status: 200, want: []string{`count = 1`}}, {do: "GET " + dists + "?base_path__in={u}/x,{u}/xy", status: 200, want: []string{`count = 2`}},
			{do: "GET " + dists + "?repository__in={repo}", status: 200, want: []string{`count = 1`}}, {do: "GET /distributions/?name={u}", status: 200, want: []string{`results.0.pulp_href = "{dist}"`, `results.0.base_url = "/pulp/content/{u}/x/"`}},
			{do: "DELETE {repo}", status: 202, task: "completed"}, {do: "GET {dist}", status: 200, want: []string{`repository = null`}, about: "a deleted repository leaves the distribution"},
			{do: "GET {pub}", status: 404},
			{do: "PATCH {dist}", body: `{"base_path":"{u}/xy","checkpoint":false}`, status: 400, want: []string{`base_path.# = 1`}}, {do: "PATCH {dist}", body: `{"base_path":"{u}/z","checkpoint":false}`, status: 202, task: "completed", want: []string{`result.base_url = "/pulp/content/{u}/z/"`}},
			{do: "DELETE {dist}", status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.ageneral_delete"`}}, {do: "GET {dist}", status: 404},
		}},
		{"served with the right bytes", []step{
			{do: "POST " + repos, body: `{"name":"{u}","autopublish":true,"manifest":"FILES"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}","repository":"{repo}"}`, status: 202, task: "completed"},
			gone("{u}/a"),
			{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "a"}, {"repository", "", "{repo}"}}, status: 202, task: "completed", keep: map[string]string{"a": "result.pulp_href"}, want: []string{`created_resources.# = 3`, `created_resources ~ /publications/file/file/`}},
			get("{u}/a", "{t1}"), get("{u}/FILES", "a,{t1_sha256},{t1_size}\n"), get("{u}/", "FILES"),
			{do: "POST " + files, parts: []part{{"file", "f", "{t2}"}, {"relative_path", "", "a"}, {"repository", "", "{repo}"}}, status: 202, task: "completed"},
			get("{u}/a", "{t2}"), get("{u}/FILES", "a,{t2_sha256},{t2_size}\n"),
			{do: "POST {repo}modify/", body: `{"base_version":"{repo}versions/1/"}`, status: 202, task: "completed", want: []string{`created_resources.0 = "{repo}versions/3/"`, `created_resources.# = 2`}},
			get("{u}/a", "{t1}"), get("{u}/FILES", "a,{t1_sha256},{t1_size}\n"),
			{do: "GET " + dists + "?with_content={a}", status: 200, want: []string{`count = 1`}},
			{do: "POST {repo}modify/", body: `{"remove_content_units":["*"]}`, status: 202, task: "completed"},
			{do: "GET " + dists + "?with_content={a}", status: 200, want: []string{`count = 0`}},
			get("{u}/a", "{t1}"), // what was served a while ago is still found, until its version or publication is deleted
			{do: "DELETE {repo}versions/3/", status: 202, task: "completed"}, get("{u}/a", "{t2}"),
			{do: "DELETE {repo}versions/2/", status: 202, task: "completed"}, get("{u}/a", "{t1}"),
			{do: "DELETE {repo}versions/1/", status: 202, task: "completed"}, gone("{u}/a"),
		}},
	}
}
