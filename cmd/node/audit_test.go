package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
)

// as sends a request as somebody else, or as nobody.
func (r *running) as(name, password, method, target, body string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if name != "" {
		request.SetBasicAuth(name, password)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// told gives the entries as "who method action object status reason", the oldest first; identities are left out.
func (r *running) told() (lines []string, all string) {
	r.t.Helper()
	_, answer := r.call("GET", "/pulp/api/v3/audit/?limit=100&ordering=at", nil)
	list, _ := answer["results"].([]any)
	for _, one := range list {
		e := one.(map[string]any)
		object, _, _ := strings.Cut(strings.TrimPrefix(e["object"].(string), "prn:"), ":")
		line := fmt.Sprint(e["username"], " ", e["via"], " ", e["method"], " ", e["action"], " ", object, " ", e["status"], " ", e["reason"])
		if e["task"] != "" {
			line += " task"
		}
		if e["client"] != "127.0.0.1" || e["cid"] == "" || e["process"] == "" {
			r.t.Errorf("something is missing: %v", e)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	text, err := json.Marshal(answer)
	if err != nil {
		r.t.Fatal(err)
	}
	return lines, string(text)
}

// TestWhatIsDoneIsRecorded goes the whole way: what is recorded and what is not, and that no secret is.
func TestWhatIsDoneIsRecorded(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	users := auth.NewUsers(n.db, auth.NewHasher())
	if _, err := users.CreateUser(t.Context(), auth.User{Username: "bob", IsActive: true}, "canary red boats"); err != nil {
		t.Fatal(err)
	}
	const api = "/pulp/api/v3/"
	n.call("POST", api+"remotes/file/file/?q=canary", map[string]string{"name": "r", "url": "https://user.example/canary", "username": "u", "password": "canary"})
	n.call("POST", api+"repositories/file/file/", map[string]string{"name": "canary"})
	n.call("POST", api+"repositories/file/file/", map[string]string{"name": "canary"})
	_, list := n.call("GET", api+"repositories/file/file/", nil)
	href := list["results"].([]any)[0].(map[string]any)["pulp_href"].(string)
	n.done("PATCH", href, map[string]string{"description": "canary"})
	n.call("PATCH", href, map[string]string{"description": "canary"})
	n.call("GET", href, nil)
	for _, c := range []struct {
		name, password, method, target string
		want                           int
	}{
		{"", "", "POST", "orphans/cleanup/", 401},
		{"eve", "canary", "GET", "repositories/", 401},
		{"bob", "canary red boats", "POST", "remotes/file/file/", 403},
		{"bob", "canary red boats", "GET", "audit/verify/", 403},
		{"bob", "canary red boats", "GET", "audit/export/", 403},
		{"bob", "canary red boats", "POST", "login/", 201},
		{"bob", "canary red boats", "GET", "status/", 200},
		{"", "", "POST", "no/such/path/", 404},
		{"admin", adminPassword, "DELETE", "audit/", 405},
	} {
		if got := n.as(c.name, c.password, c.method, api+c.target, "{}"); got != c.want {
			t.Errorf("%s %s by %q answered %d, want %d", c.method, c.target, c.name, got, c.want)
		}
	}
	lines, text := n.told()
	want := []string{
		"admin password POST remotes_file_file_create file.fileremote 201",
		"admin password POST repositories_file_file_create file.filerepository 201",
		"admin password POST repositories_file_file_create  400 invalid",
		"admin password PATCH repositories_file_file_partial_update file.filerepository 202  task",
		"admin password PATCH repositories_file_file_partial_update file.filerepository 200",
		"POST orphans_cleanup_cleanup  401 unauthenticated",
		"eve password GET repositories_list  401 unauthenticated",
		"bob password POST remotes_file_file_create  403 forbidden",
		"bob password GET audit_verify  403 forbidden",
		"bob password GET audit_export  403 forbidden",
		"bob password POST login  201",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("recorded is\n%s", got)
	}
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is in the log: %s", text)
	}
	n.checkLog(t)
}

// TestAChangeHasOneEntry: what is refused late, or is done in two steps, is told once.
func TestAChangeHasOneEntry(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), `PACKHOUSE_AUTHENTICATION__TOKEN_EXCHANGE=[{"name":"ci","type":"oidc","parameters":`+
		`{"issuer":"https://127.0.0.1:9/","audience":"a","user":"nobody","permissions":["file.view_*"],"claims":{"sub":"x"}}}]`)...)
	ended := n.done("POST", "/pulp/api/v3/orphans/cleanup/", map[string]any{})
	if status, _ := n.call("PATCH", ended["pulp_href"].(string), map[string]string{"state": "canceled"}); status != 409 {
		t.Errorf("the cancel of a task that has ended answers %d", status)
	}
	_, repository := n.call("POST", "/pulp/api/v3/repositories/file/file/", map[string]string{"name": "r"})
	n.upload("a", "text", repository["pulp_href"].(string))
	n.as("", "", "POST", "/pulp/api/v3/token-exchange/", `{"grant_type": "password"}`)
	_, group := n.call("POST", "/pulp/api/v3/groups/", map[string]string{"name": "g"})
	members := group["pulp_href"].(string) + "users/"
	for _, c := range []struct{ method, path, user string }{{"POST", "", "admin"}, {"POST", "", "nobody"}, {"DELETE", "1/", ""}} {
		n.call(c.method, members+c.path, map[string]string{"username": c.user})
	}
	lines, all := n.told()
	number := group["prn"].(string)
	if strings.Count(all, `"object":"`+number+` prn:auth.user:1"`) != 2 || strings.Count(all, `"object":"`+number+`"`) != 2 {
		t.Errorf("group and user are not named: %s", all)
	}
	want := []string{
		"admin password POST orphans_cleanup_cleanup  202  task",
		"admin password PATCH tasks_cancel core.task 409 conflict",
		"admin password POST repositories_file_file_create file.filerepository 201",
		"admin password POST content_file_files_create  202  task",
		"token exchange POST token_exchange  400 unsupported_grant_type: the only grant type here is urn:ietf:params:oauth:grant-type:token-exchange",
		"admin password POST groups_create core.group 201",
		"admin password POST groups_users_create core.group 201",
		"admin password POST groups_users_create core.group 400 invalid",
		"admin password DELETE groups_users_delete core.group 204",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("recorded is\n%s", got)
	}
}

// checkLog looks at filters, export and verification over REST.
func (r *running) checkLog(t *testing.T) {
	t.Helper()
	for query, want := range map[string]float64{"username=bob": 4, "status=403": 3, "action=login": 1, "reason=": 11, "object__startswith=prn:file.fileremote": 1, "client=192.0.2.1": 0} {
		if _, list := r.call("GET", "/pulp/api/v3/audit/?"+query, nil); list["count"] != want {
			t.Errorf("%s finds %v, want %v", query, list["count"], want)
		}
	}
	if err := r.audit.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, report := r.call("GET", "/pulp/api/v3/audit/verify/", nil)
	if report["ok"] != true || report["entries"] != 11.0 {
		t.Errorf("%v", report)
	}
	if status, answer := r.call("GET", "/pulp/api/v3/audit/verify/?head=x", nil); status != 400 {
		t.Errorf("%d %v", status, answer)
	}
	_, lines := r.call("GET", "/pulp/api/v3/audit/export/?after=9", nil)
	text, _ := lines["text"].(string)
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, `"position":11`) {
		t.Errorf("%v", lines)
	}
}

// TestTheAuditLogCanBeOff: then nothing is written.
func TestTheAuditLogCanBeOff(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_AUDIT__ENABLED=false")...)
	n.call("POST", "/pulp/api/v3/repositories/file/file/", map[string]string{"name": "r"})
	if lines, _ := n.told(); len(lines) != 0 {
		t.Errorf("%v", lines)
	}
	if status, _ := n.call("GET", "/pulp/api/v3/audit/verify/", nil); status != 503 {
		t.Errorf("verify answered %d", status)
	}
}
