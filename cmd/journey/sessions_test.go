package journey_test

import (
	"net/http"
	"testing"
)

// sessions are log-ins by cookie (rest-contract §1.3).
func sessions() []scenario {
	return []scenario{{"log in and out", []step{
		{as: "nobody", do: "GET /login/", status: 401},
		{as: "nobody", do: "POST /login/", status: 401},
		{as: "admin:wrong", do: "POST /login/", status: 401},
		{do: "GET /login/", status: 200, want: []string{`username = "admin"`, `prn ~ ^"prn:auth.user:[0-9]+"$`, `pulp_href ~ ^"/pulp/api/v3/users/[0-9]+/"$`}},
		{as: plain, do: "GET /login/", status: 200, want: []string{`username = "plain"`}},
		{as: "nobody", do: "GET /login/", header: map[string]string{"Cookie": "sessionid=foo"}, status: 401},
		{as: "nobody", do: "DELETE /login/", header: map[string]string{"Cookie": "sessionid=foo"}, status: 401},
	}}}
}

// TestSession logs in by cookie; what changes something needs the token beside it.
func TestSession(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		in := w.do(t, w.request(t, step{do: "POST /login/"}, nil))
		var key, token *http.Cookie
		for _, c := range in.Result().Cookies() {
			switch c.Name {
			case "sessionid":
				key = c
			case "csrftoken":
				token = c
			}
		}
		if in.Code != 201 || key == nil || token == nil || !key.HttpOnly || token.HttpOnly || key.SameSite != http.SameSiteLaxMode || key.MaxAge <= 0 {
			t.Fatalf("log-in answered %d with %v", in.Code, in.Result().Cookies())
		}
		cookie := map[string]string{"Cookie": "sessionid=" + key.Value}
		proven := map[string]string{"Cookie": "sessionid=" + key.Value, "X-Csrftoken": token.Value}
		w.play(t, scenario{"session", []step{
			{as: "nobody", header: cookie, do: "GET /login/", status: 200, want: []string{`username = "admin"`}},
			{as: "nobody", header: cookie, do: "GET " + repos, status: 200},
			{as: "nobody", header: cookie, do: "POST " + repos, body: `{"name":"{u}"}`, status: 403, want: []string{`detail ~ CSRF`}},
			{as: "nobody", header: map[string]string{"Cookie": "sessionid=" + key.Value, "X-Csrftoken": "x"}, do: "DELETE /login/", status: 403},
			{as: "nobody", header: proven, do: "POST " + repos, body: `{"name":"{u}"}`, status: 201},
			{header: cookie, do: "POST " + repos, body: `{"name":"{u}2"}`, status: 201, about: "Basic needs no token"},
			{as: "nobody", header: proven, do: "DELETE /login/", status: 204},
			{as: "nobody", header: cookie, do: "GET /login/", status: 401},
			{as: "nobody", header: proven, do: "POST " + repos, body: `{"name":"{u}3"}`, status: 401},
		}})
	})
}
