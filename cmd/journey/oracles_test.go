package journey_test

// oracleScenarios ask about what may not be seen: the answer is that of what does not exist.
func oracleScenarios() []scenario {
	const dists = "/distributions/file/file/"
	as := "{u}:" + word
	return []scenario{{"what is there is not told", []step{
		{as: plain, do: "GET /users/1/", status: 403}, {as: plain, do: "GET /users/987654321/", status: 403},
		{as: plain, do: "PATCH /users/987654321/", body: `{}`, status: 403}, {as: plain, do: "GET /users/987654321/roles/", status: 403},
		{as: plain, do: "GET /roles/01900000-0000-7000-8000-000000000000/", status: 403},
		{do: "POST /users/", body: `{"username":"{u}","password":"` + word + `"}`, status: 201, keep: map[string]string{"user": "pulp_href"}},
		{do: "POST {user}roles/", body: `{"role":"file.filedistribution_creator","content_object":null}`, status: 201},
		{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}/deep/down","hidden":true}`, status: 202, task: "completed"},
		{as: as, do: "POST " + dists, body: `{"name":"x{u}","base_path":"{u}"}`, status: 400, want: []string{`base_path ~ verlaps`}, hasNot: []string{"deep"}},
		{do: "POST " + dists, body: `{"name":"x{u}","base_path":"{u}"}`, status: 400, want: []string{`base_path ~ verlaps.*{u}/deep/down`}},
	}}, {"forms of other sites", []step{
		{do: "POST " + repos, body: `{"name":"{u}"}`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403, want: []string{`detail ~ CSRF`}},
		{do: "POST /login/", header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403},
		{do: "GET /login/", header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 200},
	}}}
}
