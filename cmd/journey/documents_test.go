package journey_test

// documents are the forms of the OpenAPI document and the page for people (rest-contract §1.1, §6.8).
func documents() []scenario {
	json, yaml := map[string]string{"Content-Type": "application/json", "Cache-Control": "public, max-age=8640000", "Vary": "X-Forwarded-Host, X-Forwarded-Proto"},
		map[string]string{"Content-Type": "application/yaml", "Cache-Control": "public, max-age=8640000"}
	const versions = `info.x-pulp-app-versions`
	get := func(query string, status int) step {
		return step{as: "nobody", do: "GET /docs/api.json" + query, status: status}
	}
	refused := func(about, query string) step {
		s := get(query, 400)
		s.about, s.headers = about, map[string]string{"Content-Type": "application/json", "Cache-Control": ""}
		return s
	}
	found := func(query string, has, hasNot []string, want ...string) step {
		s := get(query, 200)
		s.has, s.hasNot, s.want, s.headers = has, hasNot, want, json
		return s
	}
	elsewhere := func(host string) step {
		return step{as: "nobody", do: "GET /docs/api.json", header: map[string]string{"X-Forwarded-Host": host, "X-Forwarded-Proto": "https"}, status: 200}
	}
	first, second, odd := elsewhere("a.example.org"), elsewhere("b.example.org:8443"), elsewhere(`c"\},{`)
	// Whoever is no trusted proxy says nothing about the address.
	first.want, second.want = []string{`servers.0.url ~ "http://127.0.0.1:[0-9]+"`, `servers.# = 1`}, []string{`servers.0.url ~ "http://127.0.0.1:[0-9]+"`}
	odd.about, odd.want = "an address may not break out of its place", []string{`openapi = "3.1.1"`, `servers.# = 1`}
	return []scenario{
		{"the document", []step{
			found("", []string{`"operationId": "tasks_list"`, `{task_href}`}, []string{"packhouse-server-of-the-request"}, `openapi = "3.1.1"`, versions+`.core ~ .`, versions+`.file ~ .`, `servers.0.url ~ "http://127.0.0.1:[0-9]+"`),
			first, second, odd,
			found("?bindings", []string{`"operationId": "list"`, `"operationId": "tasks_cancel"`}, []string{`"operationId": "tasks_list"`}),
			found("?bindings&component=file", []string{`"operationId": "list"`}, []string{`tasks/`, `"Tasks"`}, versions+`.core ~ .`, versions+`.file ~ .`),
			found("?component=core", []string{`"operationId": "tasks_list"`}, []string{`repositories_file`}, versions+`.file absent`),
			found("?component=core,file", []string{`"operationId": "tasks_list"`, `repositories_file`}, nil, versions+`.file ~ .`),
			found("?component=file&component=core", []string{`"operationId": "tasks_list"`, `repositories_file`}, nil),
			found("?pk_path=1", []string{`/repositories/file/file/{id}/modify/`}, []string{`_href}`}),
			found("?include_html=1&pk_path=1", []string{`/repositories/file/file/{id}/modify/`}, []string{`_href}`}),
			refused("unknown", "?component=foo"), refused("one is unknown", "?component=core,foo"), refused("none", "?component="),
			refused("the old name", "?plugin=file"), refused("the old name, empty", "?plugin"),
			{as: "nobody", do: "GET /docs/api.yaml", status: 200, has: []string{"openapi: 3.1.1", `url: "http://127.0.0.1:`}, headers: yaml},
			{as: "nobody", do: "GET /docs/api.yaml?component=foo", status: 400},
			{as: "nobody", do: "HEAD /docs/api.json", status: 200}, {as: "nobody", do: "POST /docs/api.json", status: 405},
		}},
		{"the page about the API", []step{
			{as: "nobody", do: "GET /docs/", status: 200, has: []string{"<!DOCTYPE html>", "/pulp/api/v3/repositories/file/file/{id}/modify/", "RepositoryAddRemoveContent", "name__icontains", "Repositories: File", "docs/api.json"},
				hasNot: []string{"<script", "://"}, headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
			{as: "nobody", do: "GET /swagger/", status: 200, has: []string{"<!DOCTYPE html>"}},
		}},
	}
}
