package noun_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/auth"
)

// TestSecretsOfARemoteStayWhereTheyWereMeantFor lets somebody who may change a remote try to have its password sent to him.
func TestSecretsOfARemoteStayWhereTheyWereMeantFor(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		href := w.made(w.post("remotes/test/test/", map[string]any{"name": "r", "url": "https://a.example/x/", "username": "u", "password": "p", "client_key": nil})).get("pulp_href")
		helper := w.as("helper")
		w.gives("helper", auth.Object{}, "test.view_testremote", "test.change_testremote")
		for _, c := range []struct {
			why    string
			body   map[string]any
			status int
		}{
			{"another host", map[string]any{"url": "https://evil.example/x/"}, 400},
			{"another port", map[string]any{"url": "https://a.example:444/x/"}, 400},
			{"another scheme", map[string]any{"url": "http://a.example/x/"}, 400},
			{"a proxy", map[string]any{"proxy_url": "http://evil.example:3128"}, 400},
			{"unchecked", map[string]any{"tls_validation": false}, 400},
			{"one of two", map[string]any{"url": "https://evil.example/x/", "username": "mine"}, 400},
			{"another path", map[string]any{"url": "https://A.example:443/y/"}, 202},
			{"without the secrets", map[string]any{"url": "https://evil.example/x/", "username": nil, "password": nil}, 202},
			{"with his own", map[string]any{"url": "https://b.example/x/", "username": "mine", "password": "own"}, 202},
		} {
			a, err := helper.send("PATCH", href, c.body)
			must(t, err)
			if a.status != c.status {
				t.Errorf("%s: %d %s, want %d", c.why, a.status, a.text, c.status)
			}
			if c.status == 202 {
				_, err := helper.finished(a, nil)
				must(t, err)
			}
		}
		a, err := w.send("PATCH", href, map[string]any{"url": "https://c.example/"})
		if must(t, err); a.status != 202 {
			t.Errorf("a superuser: %d %s", a.status, a.text)
		}
	})
}
