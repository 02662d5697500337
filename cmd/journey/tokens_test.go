package journey_test

import (
	"net/http"
	"testing"
)

const ownTokens = "/tokens/"

// bearer sends a token that an earlier step kept.
func bearer(name string) map[string]string {
	return map[string]string{"Authorization": "Bearer {" + name + "}"}
}

// TestTokensOverREST makes, uses and revokes tokens, and tries to get more out of them than is in them.
func TestTokensOverREST(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.play(t, scenario{"tokens", []step{
			{as: "nobody", do: "GET " + ownTokens, status: 401},
			{as: "nobody", do: "POST " + ownTokens, body: `{"name":"a","permissions":["*.*"]}`, status: 401},
			{do: "POST " + ownTokens, body: `{"name":"{u}"}`, status: 400, has: []string{`"permissions"`}},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["x"]}`, status: 400, has: []string{`"permissions"`}},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"expires_in":60,"expires_at":"2100-01-01T00:00:00Z"}`, status: 400},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"expires_at":"2001-01-01T00:00:00Z"}`, status: 400},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"domains":["nowhere"]}`, status: 400, has: []string{`"domains"`}},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"user":"nobody at all"}`, status: 400, has: []string{`"user"`}},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["file.view_*","core.add_token","core.view_token","core.delete_token"],"expires_in":3600}`, status: 201,
				want: []string{`token ~ ^"phk_[0-9A-Za-z]{49}"$`, `user = "admin"`, `expires_at ~ ^"2`, `domains = []`},
				keep: map[string]string{"token": "token", "href": "pulp_href", "prn": "prn"}},
			{do: "GET {href}", status: 200, want: []string{`token = null`, `name = "{u}"`, `prn = "{prn}"`}},
			{as: "nobody", header: bearer("token"), do: "GET /login/", status: 200, want: []string{`username = "admin"`}},
			{as: "__token__:{token}", do: "GET /login/", status: 200, want: []string{`username = "admin"`}},
			{as: "admin:{token}", do: "GET /login/", status: 200},
			{as: plain + ":{token}", do: "GET /login/", status: 401},
			{do: "GET {href}", status: 200, want: []string{`last_used_at ~ ^"2`}},
			{as: "nobody", header: bearer("token"), do: "POST /login/", status: 403, about: "a token begins no session"},
			{as: "nobody", header: bearer("token"), do: "PATCH /login/", body: `{"email":"a@example.org"}`, status: 403},
			{as: "nobody", header: bearer("token"), do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"]}`, status: 403},
			{as: "nobody", header: bearer("token"), do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["file.view_filerepository"]}`, status: 201, keep: map[string]string{"child": "token", "childhref": "pulp_href"}},
			{as: "nobody", header: bearer("child"), do: "GET {href}", status: 404, about: "its scope says nothing about tokens"},
			{as: "nobody", header: bearer("child"), do: "GET " + ownTokens, status: 200, want: []string{`count = 0`}},
			{as: "nobody", header: bearer("child"), do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["file.view_filerepository"]}`, status: 403},
			{as: plain, do: "GET {href}", status: 404},
			{as: plain, do: "DELETE {href}", status: 404},
			{as: plain, do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"user":"admin"}`, status: 403},
			{as: plain, do: "POST " + ownTokens, body: `{"name":"{u}mine","permissions":["*.*"]}`, status: 201, keep: map[string]string{"mine": "token", "minehref": "pulp_href"}},
			{as: plain, do: "GET " + ownTokens, status: 200, want: []string{`count = 1`, `results.0.name = "{u}mine"`, `results.0.token = null`}},
			{do: "GET " + ownTokens + "?user=" + plain, status: 200, want: []string{`count = 1`}},
			{do: "POST " + ownTokens, body: `{"name":"{u}","permissions":["*.*"],"user":"` + plain + `"}`, status: 201, want: []string{`user = "` + plain + `"`}},
			{do: "DELETE {href}", status: 204},
			{as: "nobody", header: bearer("token"), do: "GET /login/", status: 401},
			{as: "nobody", header: bearer("child"), do: "GET /login/", status: 401, about: "what was made with it goes with it"},
			{as: plain, do: "DELETE {minehref}", status: 204},
			{as: "nobody", header: bearer("mine"), do: "GET /login/", status: 401},
		}}, scenario{"own account", []step{
			{as: plain, do: "PATCH /login/", body: `{"new_password":"Battery-staple-8"}`, status: 400, has: []string{`"old_password"`}},
			{as: plain, do: "PATCH /login/", body: `{"old_password":"` + plainPassword + `","new_password":"` + plainPassword + `"}`, status: 400, has: []string{`"new_password"`}},
			{as: plain, do: "PATCH /login/", body: `{"old_password":"wrong","new_password":"Battery-staple-8"}`, status: 400, has: []string{`"old_password"`}},
			{as: plain, do: "PATCH /login/", body: `{"old_password":"` + plainPassword + `","new_password":"12345678"}`, status: 400, has: []string{`"new_password"`}},
			{as: plain, do: "PATCH /login/", body: `{"username":"admin"}`, status: 400, has: []string{`"username"`}},
			{as: plain, do: "PATCH /login/", body: `{"is_superuser":true}`, status: 400, has: []string{`"is_superuser"`}},
			{as: plain, do: "PATCH /login/", body: `{"first_name":"Ann","email":"nonsense"}`, status: 400, has: []string{`"email"`}},
			{as: plain, do: "PATCH /login/", body: `{"first_name":"Ann","email":"ann@example.org"}`, status: 200, want: []string{`username = "` + plain + `"`, `first_name = "Ann"`, `last_name = ""`, `email = "ann@example.org"`}, hasNot: []string{"password"}},
			{as: plain, do: "PATCH /login/", body: `{"first_name":""}`, status: 200, want: []string{`first_name = ""`, `email = "ann@example.org"`}},
		}})
	})
}

// TestTooManyFailedLogins is answered 429 with the time to wait.
func TestTooManyFailedLogins(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ask := func(as, path string) (int, http.Header) {
			answer := w.do(t, w.request(t, step{as: as, do: "GET " + path}, nil))
			return answer.Code, answer.Header()
		}
		for i := range 10 {
			if code, head := ask("guessed:wrong", "/login/"); code != http.StatusUnauthorized || head.Get("Retry-After") != "" || head.Get("Www-Authenticate") != `Basic realm="api"` {
				t.Fatalf("failure %d is answered %d with %v", i, code, head)
			}
		}
		if code, head := ask("guessed:wrong", "/login/"); code != http.StatusTooManyRequests || head.Get("Retry-After") == "" || head.Get("Www-Authenticate") != "" {
			t.Errorf("one too many is answered %d with %v", code, head)
		}
		vars := map[string]string{}
		for _, make := range []step{
			{do: "POST /contentguards/core/rbac/", body: `{"name":"guessed"}`, status: 201, keep: map[string]string{"guard": "pulp_href"}},
			{do: "POST /distributions/file/file/", body: `{"name":"guessed","base_path":"guessed","content_guard":"{guard}"}`, status: 202},
		} {
			w.step(t, make.do, make, vars)
		}
		if code, head := ask("guessed:wrong", "/pulp/content/guessed/x"); code != http.StatusTooManyRequests || head.Get("Retry-After") == "" {
			t.Errorf("a download is answered %d with %v", code, head)
		}
		if code, _ := ask("guessed:wrong", "/status/"); code != http.StatusOK {
			t.Errorf("what is open is answered %d", code)
		}
		if code, _ := ask("", "/login/"); code != http.StatusOK {
			t.Errorf("somebody else is answered %d", code)
		}
	})
}

// TestBehindAProxy believes what a proxy says about client, address and user, from the proxies of the settings only.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	said := map[string]string{"Remote-User": "remote", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "packages.example.org"}
	trusting := newWorld(t, map[string]string{"trusted_proxies": "127.0.0.1,::1", "authentication.remote_user_header": "Remote-User"})
	trusting.play(t, scenario{"trusted", []step{
		{as: "nobody", header: said, do: "GET /login/", status: 200, want: []string{`username = "remote"`}},
		{header: said, do: "GET /tasks/?limit=1", status: 200},
		{header: said, do: "POST " + repos, body: `{"name":"{u}1"}`, status: 201},
		{header: said, do: "POST " + repos, body: `{"name":"{u}2"}`, status: 201},
		{header: said, do: "GET " + repos + "?limit=1", status: 200, want: []string{`next ~ ^"https://packages.example.org/pulp/api/v3/`}},
	}})
	wary := newWorld(t, nil)
	wary.play(t, scenario{"not trusted", []step{
		{as: "nobody", header: said, do: "GET /login/", status: 401},
		{do: "POST " + repos, body: `{"name":"{u}1"}`, status: 201},
		{do: "POST " + repos, body: `{"name":"{u}2"}`, status: 201},
		{header: said, do: "GET " + repos + "?limit=1", status: 200, want: []string{`next ~ ^"http://127.0.0.1:`}},
	}})
}
