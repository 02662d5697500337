package main_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/config"
)

// harmless are members with a telling name, or that are only taken, which hold no secrets; each with the reason. One that
// holds a secret elsewhere is named with its component.
func harmless() map[string]string {
	return map[string]string{
		"file": "bytes of content", "file_url": "an address that must not have credentials", "downloader_config": "checked in the journeys: it takes the same members",
		"md5": "a digest", "sha1": "a digest", "sha224": "a digest", "sha256": "a digest", "sha384": "a digest", "sha512": "a digest", "size": "a number",
		"remote": "a reference", "repository": "a reference", "upload": "a reference", "overwrite": "a choice", "expires_in": "a number",
		"subject_token_type": "a name of RFC 8693", "requested_token_type": "a name of RFC 8693",
		"statements": "rules of an access policy", "creation_hooks": "rules of an access policy", "permissions_assignment": "rules of an access policy", "queryset_scoping": "a rule of an access policy",
		"GroupUser.username": "a name, other than that of a remote", "role": "a name", "domain": "a reference", "content_object": "a reference", "content_object_prn": "a reference",
		"task_args": "references and numbers, for kinds that are schedulable; sealed all the same",
	}
}

// shown are secrets that answers show on purpose, each with the reason: the only ones that are not searched for in answers.
func shown() map[string]string {
	return map[string]string{
		"header_value": "the contract has header guards show it to whoever may view the guard (docs/operators/guards.md)",
		"token":        "an API token, and what a token is exchanged for, are shown in the answer that makes them",
	}
}

// senders make a body for each component with secrets, and say where it goes. A component that is not here fails the
// test: whoever adds a secret adds a line.
func senders() map[string]func(upstream string) (path string, body map[string]any) {
	remoteAt := func(path, name string) func(string) (string, map[string]any) {
		return func(upstream string) (string, map[string]any) {
			return path, map[string]any{"name": name, "url": upstream + "/" + name, "proxy_url": upstream}
		}
	}
	return map[string]func(string) (string, map[string]any){
		"file.FileRemote":    remoteAt("/pulp/api/v3/remotes/file/file/", "files"),
		"file.FileGitRemote": remoteAt("/pulp/api/v3/remotes/file/git/", "git"),
		"User": func(string) (string, map[string]any) {
			return "/pulp/api/v3/users/", map[string]any{"username": "canary"}
		},
		"Domain": func(upstream string) (string, map[string]any) {
			return "/pulp/api/v3/domains/", map[string]any{"name": "canary", "storage_class": "storages.backends.s3boto3.S3Boto3Storage", "storage_settings": map[string]any{
				"bucket_name": "canary", "endpoint_url": upstream, "access_key": "a", "secret_key": "", "security_token": ""}}
		},
		"TokenExchange": func(string) (string, map[string]any) {
			return "/pulp/api/v3/token-exchange/", map[string]any{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}
		},
	}
}

// TestASecretShowsNowhere puts a text of its own into every secret that settings and requests can hold, lets the real
// binary work with them and fail over them, and searches for the texts in everything that comes out or stays.
func TestASecretShowsNowhere(t *testing.T) {
	t.Parallel()
	for name, embedded := range map[string]bool{"SQLite": true, "PostgreSQL": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hunt{processes: newProcesses(t), canaries: map[string]string{}}
			if embedded {
				h.embed()
			} else {
				h.environ = append(h.environ, "PACKHOUSE_LISTEN="+strings.TrimPrefix(h.url, "http://"))
			}
			h.everywhere()
			if !embedded {
				h.tables()
			}
			if len(h.canaries) < 12 || h.looked < 40 {
				t.Errorf("only %d secrets were searched for in %d places", len(h.canaries), h.looked)
			}
		})
	}
}

// everywhere sends secrets to a server and looks at all that it says and keeps, the database of PostgreSQL apart.
func (h *hunt) everywhere() {
	h.t.Helper()
	t := h.t
	upstream := httptest.NewServer(http.HandlerFunc(nosy))
	t.Cleanup(upstream.Close)
	h.environ = append(h.environ, "PACKHOUSE_LOG__LEVEL=debug", "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")
	h.settings()
	h.run("migrate")
	server, said := h.watch("serve")
	h.await("the API", func() bool { h.get("/pulp/api/v3/status/"); return h.reachable })

	h.document(upstream.URL)
	h.people()
	for _, path := range []string{"status/", "remotes/", "tasks/", "docs/api.json", "docs/api.yaml", "audit/", "audit/export/", "login/", "tokens/", "domains/", "users/"} {
		h.ask(http.MethodGet, "/pulp/api/v3/"+path, nil)
	}
	for _, args := range [][]string{{"config", "show", "--origin"}, {"config", "show", "--format", "json"}, {"config", "explain", "authentication.oidc"}, {"check"}, {"keys", "list"}, {"keys", "rotate", "--dry-run"}, {"user", "list"}} {
		text, _ := h.fails(args...) // some of them find faults, which must not show secrets either
		h.found("packhouse "+strings.Join(args, " "), []byte(text))
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(server.cmd.Process.Pid), "cmdline"))
	must(t, err)
	h.found("the command line of the process", line)
	h.sealed()
	server.kill()
	h.found("the log", []byte(said.all()))
	h.domains(upstream.URL)
	h.folder()
}

// nosy is an upstream that refuses and repeats all that it was told.
func nosy(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Told", r.Header.Get("Authorization"))
	user, password, _ := r.BasicAuth()
	http.Error(w, fmt.Sprintf("no entry for %s %s %v", user, password, r.Header), http.StatusForbidden)
}

// hunt is the search for secrets.
type hunt struct {
	*processes
	// canaries are the secrets, by what they are.
	canaries map[string]string
	looked   int
}

// new makes a secret that is like no other.
func (h *hunt) new(what string) string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails
	if before := h.canaries[what]; before != "" {
		h.canaries[fmt.Sprintf("%s, once (%d)", what, len(h.canaries))] = before
	}
	h.canaries[what] = "Kanarie-" + hex.EncodeToString(random) + "-Vogel-0123456789"
	return h.canaries[what]
}

// settings gives every secret setting a canary. The addresses stay: how they are masked is tested with the settings.
func (h *hunt) settings() {
	h.t.Helper()
	addresses := []string{"database.url", "redis_url"}
	for _, set := range config.Schema() {
		switch {
		case !set.Secret || slices.Contains(addresses, set.Key):
			continue
		case set.Key == "admin_password":
			h.canaries["setting "+set.Key] = adminPassword
		default:
			h.environ = append(h.environ, set.Env+"="+h.new("setting "+set.Key))
		}
	}
	h.environ = append(h.environ, "PACKHOUSE_STORAGE__S3__ACCESS_KEY=a", "PACKHOUSE_AUTHENTICATION__LDAP__BIND_DN=cn=x")
	h.environ = append(h.environ, `PACKHOUSE_AUTHENTICATION__TOKEN_EXCHANGE=[{"name":"ci","type":"oidc","parameters":{"issuer":"https://127.0.0.1:9/","audience":"a","user":"nobody","permissions":["file.view_*"],"claims":{"sub":"x"}}}]`)
}

// ask sends a request as the admin and looks at the answer.
func (h *hunt) ask(method, path string, body any) (status int, value map[string]any) {
	h.t.Helper()
	text, err := json.Marshal(body)
	must(h.t, err)
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, bytes.NewReader(text))
	must(h.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(admin, adminPassword)
	return h.answer(request)
}

func (h *hunt) answer(request *http.Request) (status int, value map[string]any) {
	h.t.Helper()
	answer, err := http.DefaultClient.Do(request)
	must(h.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	must(h.t, err)
	h.found(request.Method+" "+request.URL.Path, append([]byte(fmt.Sprint(answer.Header)), text...))
	_ = json.Unmarshal(text, &value) // some answers are no JSON objects
	return answer.StatusCode, value
}

// found searches a text for all secrets, in the forms in which they travel.
func (h *hunt) found(where string, text []byte) {
	h.t.Helper()
	h.looked++
	for what, canary := range h.canaries {
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), hex.EncodeToString([]byte(canary)), url.QueryEscape(canary)} {
			if at := bytes.Index(text, []byte(form)); at >= 0 {
				h.t.Errorf("%s shows the secret %s: …%s…", where, what, text[max(0, at-120):min(len(text), at+20)])
			}
		}
	}
	basic := base64.StdEncoding.EncodeToString([]byte(admin + ":" + adminPassword))
	if bytes.Contains(text, []byte(basic)) {
		h.t.Errorf("%s shows the header of the admin", where)
	}
}

// document reads from the OpenAPI document which members are secret, and sends each of them well and wrongly.
func (h *hunt) document(upstream string) {
	h.t.Helper()
	_, document := h.ask(http.MethodGet, "/pulp/api/v3/docs/api.json", nil)
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	excepted := shown()
	for _, component := range slices.Sorted(maps.Keys(schemas)) {
		properties, _ := schemas[component].(map[string]any)["properties"].(map[string]any)
		if strings.HasSuffix(component, "Response") {
			maps.DeleteFunc(excepted, func(name, _ string) bool { return properties[name] != nil })
		}
		secrets := secretMembers(component, properties)
		if strings.HasSuffix(component, "Response") || len(secrets) == 0 || component == "PatchedLogin" {
			continue // answers are looked at when they come; people changes passwords
		}
		sender := senders()[strings.TrimPrefix(component, "Patched")]
		if sender == nil {
			h.t.Errorf("%s takes the secrets %v and no sender: add it to senders, or the member to harmless", component, secrets)
			continue
		}
		if !strings.HasPrefix(component, "Patched") {
			h.send(component, secrets, sender, upstream)
		}
	}
	for name := range excepted {
		h.t.Errorf("no answer shows %s any more: take it out of shown, and search for it", name)
	}
	if schemas["Domain"] == nil {
		h.t.Error("there are no domains, whose storage has secrets")
	}
}

func secretMembers(component string, properties map[string]any) []string {
	var secrets []string
	for name, described := range properties {
		schema, _ := described.(map[string]any)
		telling := slices.ContainsFunc([]string{"password", "secret", "token"}, func(word string) bool { return strings.Contains(name, word) })
		if (schema["writeOnly"] == true || telling) && shown()[name] == "" && harmless()[name] == "" && harmless()[component+"."+name] == "" {
			secrets = append(secrets, name)
		}
	}
	slices.Sort(secrets)
	return secrets
}

// send creates an object with all of its secrets, changes them, and is refused in every way.
func (h *hunt) send(component string, secrets []string, sender func(string) (string, map[string]any), upstream string) {
	h.t.Helper()
	path, body := sender(upstream)
	for _, name := range secrets {
		body[name] = h.new(component + "." + name)
	}
	status, made := h.ask(http.MethodPost, path, body)
	href, _ := made["pulp_href"].(string)
	if status != http.StatusCreated && component != "TokenExchange" {
		h.t.Errorf("POST %s: %d %v", path, status, made)
	}
	h.ask(http.MethodPost, path, body) // the name is taken now
	for _, name := range secrets {
		canary := h.new("wrong " + component + "." + name)
		for _, wrong := range []any{map[string]any{canary: canary}, []any{canary}, canary + "\x00", strings.Repeat(canary, 20000)} {
			h.ask(http.MethodPost, path, map[string]any{name: wrong})
		}
	}
	if href == "" {
		return
	}
	h.work(href)
	for _, name := range secrets {
		_, answer := h.ask(http.MethodPatch, href, map[string]any{name: h.new(component + "." + name)})
		h.finish(answer)
	}
	h.ask(http.MethodGet, href, nil)
	h.ask(http.MethodGet, path+"?limit=5", nil)
	h.work(href)
}

// work syncs with a remote; the upstream refuses, so the task fails.
func (h *hunt) work(href string) {
	h.t.Helper()
	if !strings.Contains(href, "/remotes/") {
		return
	}
	_, repository := h.ask(http.MethodPost, "/pulp/api/v3/repositories/file/file/", map[string]any{"name": fmt.Sprint("r", h.looked), "remote": href})
	to, _ := repository["pulp_href"].(string)
	_, answer := h.ask(http.MethodPost, to+"sync/", map[string]any{})
	if state := h.finish(answer); state != "failed" {
		h.t.Errorf("the sync with %s is %q and should fail", href, state)
	}
}

// finish waits for the task of an answer and looks at it.
func (h *hunt) finish(answer map[string]any) (state string) {
	h.t.Helper()
	task, ok := answer["task"].(string)
	if !ok {
		return ""
	}
	h.await("the task", func() bool { return h.get(task)["finished_at"] != nil })
	_, row := h.ask(http.MethodGet, task, nil)
	state, _ = row["state"].(string)
	return state
}

// people logs in and out with secrets: passwords that are wrong, changed and right, sessions and tokens.
func (h *hunt) people() {
	h.t.Helper()
	password := h.new("password of a user")
	create := exec.Command(h.binary, "user", "create", "reader", "--stdin")
	create.Env, create.Stdin = h.environ, strings.NewReader(password+"\n")
	text, err := create.CombinedOutput()
	must(h.t, err)
	h.found("packhouse user create", text)
	for _, given := range []string{h.new("wrong password"), password} {
		request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/pulp/api/v3/login/", nil)
		must(h.t, err)
		request.SetBasicAuth("reader", given)
		answer, err := http.DefaultClient.Do(request)
		must(h.t, err)
		for _, cookie := range answer.Cookies() {
			if strings.Contains(cookie.Name, "session") {
				h.canaries["cookie "+cookie.Name] = cookie.Value
			}
		}
		must(h.t, answer.Body.Close())
	}
	for _, header := range []string{"Bearer " + h.new("wrong bearer token"), "Basic " + h.new("wrong basic credentials"), "Token " + h.new("wrong token")} {
		request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+"/pulp/api/v3/tasks/", nil)
		must(h.t, err)
		request.Header.Set("Authorization", header)
		h.answer(request)
	}
	h.ask(http.MethodPatch, "/pulp/api/v3/login/", map[string]any{"old_password": h.new("old password"), "new_password": h.new("new password")})
	if status, token := h.ask(http.MethodPost, "/pulp/api/v3/tokens/", map[string]any{"name": "t", "permissions": []string{"*.*"}}); status == http.StatusCreated {
		h.canaries["API token"], _ = token["token"].(string) // shown once, and from here on never again
		request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+"/pulp/api/v3/tokens/", nil)
		must(h.t, err)
		request.Header.Set("Authorization", "Bearer "+h.canaries["API token"])
		h.answer(request)
	} else if status != http.StatusNotFound {
		h.t.Errorf("no token was made: %d %v", status, token)
	}
}
