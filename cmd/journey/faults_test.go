package journey_test

// faults are the shapes of errors (rest-contract §1.6).
func faults() []scenario {
	const repos = "/repositories/file/file/"
	return []scenario{
		{"faults by field", []step{
			{do: "POST " + repos, body: `{}`, status: 400, want: []string{`. = {"name":["This field is required."]}`}},
			{do: "POST " + repos, body: `{"name":"","autopublish":"perhaps","retain_repo_versions":0,"description":"","foo":1,"bar.baz":2}`, status: 400, want: []string{
				`name = ["This field may not be blank."]`, `autopublish = ["Must be a valid boolean."]`, `retain_repo_versions.# = 1`, `description.# = 1`,
				`foo = ["Unexpected field"]`, `bar = ["Unexpected field"]`, `# = 6`}},
			{do: "POST " + repos, body: `{"name":null}`, status: 400, want: []string{`name = ["This field may not be null."]`}},
			{do: "POST " + repos, body: `{"name":["a"]}`, status: 400, want: []string{`name = ["Not a valid string."]`}},
			{do: "POST " + repos, body: `{"name":true}`, status: 400, want: []string{`name = ["Not a valid string."]`}},
			{do: "POST " + repos, body: `{"name":"a\u0000b"}`, status: 400, want: []string{`name = ["Null characters are not allowed."]`}},
			{do: "POST " + repos, body: `{"name":"{u}","retain_repo_versions":9223372036854775808}`, status: 400, want: []string{`retain_repo_versions.# = 1`}},
			{do: "POST " + repos, body: `{"name":"{u}","pulp_labels":{"a/b":"x"}}`, status: 400, want: []string{`pulp_labels.# = 1`}},
			{do: "POST " + repos, body: `{"name":"{u}","pulp_labels":{"a":"x(y)"}}`, status: 400, want: []string{`pulp_labels.# = 1`}},
			{do: "POST " + repos, body: `{"name":"{u}","manifest":"/etc/passwd"}`, status: 400, want: []string{`manifest.# = 1`}},
		}},
		{"faults of several fields", []step{
			{do: "POST /distributions/file/file/", body: `{"name":"{u}","base_path":"{u}","checkpoint":true}`, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST /publications/file/file/", body: `{}`, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST " + repos, body: `[1]`, status: 400, want: []string{`non_field_errors.# = 1`}},
		}},
		{"faults of a list", []step{
			{do: "GET " + repos + "?foo=1&bar=2", status: 400, want: []string{`. = {"errors":["Invalid Filter: 'bar'","Invalid Filter: 'foo'"]}`}},
			{do: "GET " + repos + "?ordering=foo", status: 400, want: []string{`ordering.# = 1`}},
			{do: "GET " + repos + "?ordering=remote", status: 400, want: []string{`ordering.# = 1`}},
			{do: "GET /tasks/?state=foo", status: 400, want: []string{`state.# = 1`}},
			{do: "GET /tasks/?state__in=running,foo", status: 400, want: []string{`state__in.# = 1`}},
			{do: "GET " + repos + "?q=foo", status: 400, want: []string{`q.# = 1`}},
			{do: "GET " + repos + "?name__regex=(", status: 400},
			{do: "GET " + repos + "?name__regex=a{300}", status: 400, want: []string{`name__regex.# = 1`}, about: "a count that one of the databases does not take"},
			{do: "GET " + repos + "?remote=foo", status: 400, want: []string{`0 ~ foo`}},
			{do: "GET /content/file/files/?repository_version=", status: 400, want: []string{`0 ~ .`}},
			{do: "GET /repositories/?pulp_type=foo", status: 400, want: []string{`pulp_type.# = 1`}},
			{do: "GET " + repos + "?name=a%00b", status: 400, want: []string{`name.# = 1`}},
			{do: "GET " + repos + "?name=%ff", status: 400, want: []string{`name.# = 1`}},
			{do: "GET " + repos + "?name__icontains=%ff", status: 400, want: []string{`name__icontains.# = 1`}},
			{do: "GET " + repos + "?pulp_label_select=%ff", status: 400},
		}},
		{"no or bad credentials", []step{
			{as: "nobody", do: "GET " + repos, status: 401, want: []string{`detail ~ .`}, headers: map[string]string{"Www-Authenticate": `Basic realm="api"`, "Content-Type": "application/json"}},
			{as: "admin:wrong", do: "GET " + repos, status: 401, want: []string{`detail ~ .`}},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"Authorization": "Basic !!"}, status: 401},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"Authorization": "Basic YQ=="}, status: 401, about: "no colon"},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"Authorization": "Basic YQBiOmM="}, status: 401, about: "a null character"},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"Authorization": "Basic /zph"}, status: 401, about: "not UTF-8"},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"Authorization": "Bearer x"}, status: 401},
			{as: "nobody", do: "GET " + repos, header: map[string]string{"X-Requested-With": "XMLHttpRequest"}, status: 401, headers: map[string]string{"Www-Authenticate": `xBasic realm="api"`}},
			{as: "nobody", do: "GET " + repos + "{none}/", status: 401, about: "what is not there looks like what is"},
			{as: "nobody", do: "POST " + repos, body: `{"foo":1}`, status: 401},
			{as: "admin:wrong", do: "GET /status/", status: 200, about: "bad credentials do not keep from what is open"},
		}},
		{"not allowed", []step{
			{as: plain, do: "POST " + repos, body: `{"name":"{u}"}`, status: 403, want: []string{`detail ~ .`}},
			{do: "DELETE /artifacts/{none}/", status: 404},
			{do: "POST /status/", status: 405, want: []string{`detail ~ POST`}, headers: map[string]string{"Allow": "GET"}},
			{do: "PATCH /uploads/{none}/", status: 405, body: `{}`},
			{do: "PUT /publications/file/file/{none}/", status: 405, body: `{}`},
			{do: "DELETE " + repos, status: 405},
			{as: "nobody", do: "POST /status/", status: 405},
		}},
		{"not found", []step{
			{do: "GET " + repos + "{none}/", status: 404, want: []string{`. = {"detail":"Not found."}`}},
			{do: "GET " + repos + "x/", status: 404},
			{do: "GET /foo/", status: 404, want: []string{`detail ~ .`}},
			{do: "GET /foo", status: 404},
			{do: "GET /pulp/api/v9/", status: 404},
			{do: "GET " + repos + "{none}/versions/", status: 404},
			{do: "PATCH " + repos + "{none}/", body: `{}`, status: 404},
			{do: "DELETE " + repos + "{none}/", status: 404},
			{do: "POST " + repos + "{none}/modify/", body: `{}`, status: 404},
			{do: "GET /artifacts/../status/", status: 404},
		}},
		{"media types", []step{
			{do: "POST " + repos, header: map[string]string{"Content-Type": "text/plain"}, body: `{"name":"x"}`, status: 415, want: []string{`detail ~ text/plain`}},
			{do: "POST " + repos, header: map[string]string{"Content-Type": "application/xml"}, body: `<a/>`, status: 415},
			{do: "POST " + repos, header: map[string]string{"Content-Type": ";"}, body: `{}`, status: 415},
			{do: "POST " + repos, header: map[string]string{"Content-Type": "Application/JSON; charset=utf-8"}, body: `{"name":"{u}"}`, status: 201},
		}},
	}
}

// headers are those of requests and answers (rest-contract §1.4).
func headers() []scenario {
	const repos, cid, long = "/repositories/file/file/", "0123456789abcdef0123456789ABCDEF", "01234567-89ab-cdef-0123-456789abcdef"
	return []scenario{
		{"correlation id", []step{
			{do: "GET " + repos, header: map[string]string{"Correlation-ID": cid}, status: 200, headers: map[string]string{"Correlation-Id": cid, "Access-Control-Expose-Headers": "Correlation-ID"}},
			{do: "GET " + repos, header: map[string]string{"correlation-id": long}, status: 200, headers: map[string]string{"Correlation-Id": long}},
			{do: "GET /foo/", header: map[string]string{"Correlation-ID": cid}, status: 404, headers: map[string]string{"Correlation-Id": cid}},
			{do: "GET /status", header: map[string]string{"Correlation-ID": cid}, status: 301, headers: map[string]string{"Correlation-Id": cid}},
			{as: "nobody", do: "GET /tasks/", header: map[string]string{"Correlation-ID": cid}, status: 401, headers: map[string]string{"Correlation-Id": cid}},
			{do: "POST " + repos, header: map[string]string{"Correlation-ID": cid}, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "PATCH {repo}", header: map[string]string{"Correlation-ID": cid}, body: `{"description":"x"}`, status: 202, task: "completed", want: []string{`logging_cid = "` + cid + `"`}},
			{do: "GET /tasks/?logging_cid=" + cid, status: 200, want: []string{`count = 1`}},
		}},
		{"media type and place of the new", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, headers: map[string]string{"Content-Type": "application/json"}, keep: map[string]string{"repo": "pulp_href"},
				want: []string{`pulp_href ~ ^"/pulp/api/v3/repositories/file/file/[0-9a-f-]{36}/"$`}},
			{do: "GET {repo}", status: 200, headers: map[string]string{"Content-Type": "application/json", "Location": ""}},
		}},
		{"slash at the end", []step{
			{do: "GET /repositories/file/file?name=x&limit=1", status: 301, headers: map[string]string{"Location": "/pulp/api/v3/repositories/file/file/?name=x&limit=1"}},
			{do: "POST /repositories/file/file", body: `{}`, status: 301},
			{do: "GET /repositories/file/file/{none}", status: 301, headers: map[string]string{"Location": "/pulp/api/v3/repositories/file/file/{none}/"}},
		}},
		{"HEAD", []step{
			{do: "HEAD " + repos, status: 200, headers: map[string]string{"Content-Type": "application/json"}},
			{do: "HEAD /status/", as: "nobody", status: 200},
			{do: "HEAD " + repos, as: "nobody", status: 401},
			{do: "HEAD " + repos + "{none}/", status: 404},
		}},
		{"what is open", []step{
			{as: "nobody", do: "GET /status/", status: 200, want: []string{`versions.0.component = "core"`, `versions.1.component = "certguard"`, `versions.2.component = "file"`, `database_connection = {"connected":true}`,
				`online_workers.0.versions.core ~ .`, `online_workers.0.last_heartbeat ~ ^"20[0-9T:-]{17}(\.[0-9]{6})?Z"$`, `online_workers.0.# = 3`, `online_api_apps.# = 1`, `online_content_apps.# = 1`, `storage.total ~ ^[0-9]+$`,
				`content_settings = {"content_origin":null,"content_path_prefix":"/pulp/content/"}`, `domain_enabled = false`}, headers: map[string]string{"Content-Type": "application/json"}},
			{as: "nobody", do: "GET /livez/", status: 200},
			{as: "nobody", do: "GET /", status: 200, want: []string{`repositories/file/file ~ ^"http://127.0.0.1:[0-9]+/pulp/api/v3/repositories/file/file/"$`}},
		}},
	}
}
