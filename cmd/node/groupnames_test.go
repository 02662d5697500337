package node

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestNobodyTakesAGroupThatSettingsName has somebody who may make groups ask for each name that settings mention.
func TestNobodyTakesAGroupThatSettingsName(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()),
		`PACKHOUSE_AUTHORIZERS=[{"name":"team","type":"group_required","parameters":{"file.filerepository":{"delete":["packers"]}}}]`,
		`PACKHOUSE_ACCESS_POLICIES={"groups":{"creation_hooks":[]},"uploads":{"statements":[{"action":"*","principal":"group:senders","effect":"allow"}]}}`,
		"PACKHOUSE_AUTHENTICATION__LDAP__URL=ldap://127.0.0.1:9", "PACKHOUSE_AUTHENTICATION__LDAP__USER_BASE=dc=x", "PACKHOUSE_AUTHENTICATION__LDAP__GROUP_BASE=dc=x",
		`PACKHOUSE_AUTHENTICATION__LDAP__GROUP_MAP={"cn=all,dc=x":"staff"}`)...)
	const groups = "/pulp/api/v3/groups/"
	status, ann := n.call("POST", "/pulp/api/v3/users/", map[string]any{"username": "ann", "password": adminPassword})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, ann)
	}
	for _, role := range []string{"core.group_creator", "core.group_owner"} {
		if status, answer := n.call("POST", ann["pulp_href"].(string)+"roles/", map[string]any{"role": role, "content_object": nil}); status != http.StatusCreated {
			t.Fatalf("%d %v", status, answer)
		}
	}
	status, own := n.asAnn("POST", groups, `{"name":"mine"}`)
	if status != http.StatusCreated {
		t.Fatalf("ann makes no group: %d %v", status, own)
	}
	mine := own["pulp_href"].(string)
	for _, name := range []string{"packers", "senders", "staff"} {
		body := `{"name":"` + name + `"}`
		for _, ask := range [][2]string{{"POST", groups}, {"PATCH", mine}, {"PUT", mine}} {
			status, answer := n.asAnn(ask[0], ask[1], body)
			if told, _ := answer["name"].([]any); status != http.StatusBadRequest || len(told) != 1 || !strings.Contains(told[0].(string), "only a superuser") {
				t.Errorf("%s %s as %s: %d %v", ask[0], ask[1], name, status, answer)
			}
		}
		status, made := n.call("POST", groups, map[string]any{"name": name})
		if status != http.StatusCreated {
			t.Fatalf("the admin makes %s: %d %v", name, status, made)
		}
		if status, answer := n.asAnn("PUT", made["pulp_href"].(string), body); status != http.StatusOK {
			t.Errorf("an owner who keeps the name %s: %d %v", name, status, answer)
		}
	}
	if status, answer := n.asAnn("PATCH", mine, `{"name":"ours"}`); status != http.StatusOK {
		t.Errorf("another name: %d %v", status, answer)
	}
}

// asAnn is call for the user ann.
func (r *running) asAnn(method, target, body string) (status int, answer map[string]any) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth("ann", adminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, answer
}
