package journey_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	fileRemotes, gitRemotes = "/remotes/file/file/", "/remotes/file/git/"
	sources                 = "/acs/file/file/"
)

// remotes are where content comes from (rest-contract §1.9, §1.16, §2.10).
func remotes(t *testing.T) []scenario {
	cert, key := certificate(t)
	unset := `hidden_fields = [{"is_set":false,"name":"client_key"},{"is_set":false,"name":"proxy_username"},{"is_set":false,"name":"proxy_password"},{"is_set":false,"name":"username"},{"is_set":false,"name":"password"}]`
	wrong := func(about, body string, want ...string) step {
		return step{about: about, do: "POST " + fileRemotes, body: `{"name":"{u}wrong","url":"http://a.example/x",` + body + `}`, status: 400, want: want, hasNot: []string{"hunter2"}}
	}
	return []scenario{
		{"a remote's life", []step{
			{do: "POST " + fileRemotes, body: `{"name":" {u} ","url":"http://a.example/PULP_MANIFEST"}`, status: 201, keep: map[string]string{"r": "pulp_href", "prn": "prn"}, want: []string{
				`# = 21`, `prn ~ ^"prn:file.fileremote:`, `name = "{u}"`, `policy = "immediate"`, `tls_validation = true`, `ca_cert = null`, `client_cert = null`, `proxy_url = null`, `pulp_labels = {}`,
				`download_concurrency = null`, `max_retries = null`, `rate_limit = null`, `headers = null`, `total_timeout = null`, `connect_timeout = null`, `sock_connect_timeout = null`, `sock_read_timeout = null`,
				`client_key absent`, `username absent`, `password absent`, `proxy_username absent`, `proxy_password absent`, unset}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/"}`, status: 400, want: []string{`. = {"name":["This field must be unique."]}`}},
			{do: "POST " + gitRemotes, body: `{"name":"{u}","url":"http://a.example/"}`, status: 400, want: []string{`name = ["This field must be unique."]`}, about: "over all types"},
			{do: "PATCH {r}", body: `{"name":"{u}","policy":"immediate","tls_validation":true,"headers":null,"total_timeout":null}`, status: 200, want: []string{`name = "{u}"`}},
			{do: "PATCH {r}", body: `{"url":"https://b.example/","policy":"streamed","total_timeout":1.5,"connect_timeout":"2","sock_read_timeout":0,"max_retries":0,"rate_limit":7,"download_concurrency":1,"tls_validation":false,"pulp_labels":{"a":"b"}}`,
				status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.ageneral_update"`, `result.url = "https://b.example/"`, `result.policy = "streamed"`, `result.total_timeout = 1.5`,
					`result.connect_timeout = 2.0`, `result.sock_read_timeout = 0.0`, `result.max_retries = 0`, `result.rate_limit = 7`, `result.download_concurrency = 1`, `result.tls_validation = false`, `reserved_resources_record.0 = "{prn}"`}},
			{do: "PATCH {r}", body: `{"connect_timeout":2,"sock_read_timeout":"0.0","total_timeout":"1.50"}`, status: 200, about: "the same numbers"},
			{do: "PUT {r}", body: `{"name":"{u}","url":"https://b.example/"}`, status: 202, task: "completed", want: []string{`result.policy = "immediate"`, `result.total_timeout = 1.5`, `result.tls_validation = false`, `result.pulp_labels = {}`},
				about: "what has a default returns to it, what has none stays"},
			{do: "PATCH {r}", body: `{"total_timeout":null,"connect_timeout":null,"sock_read_timeout":null,"max_retries":null,"rate_limit":null,"download_concurrency":null}`, status: 202, task: "completed",
				want: []string{`result.total_timeout = null`, `result.max_retries = null`, `result.rate_limit = null`, `result.download_concurrency = null`}},
			{do: "POST {r}set_label/", body: `{"key":"k","value":"v"}`, status: 201}, {do: "POST {r}unset_label/", body: `{"key":"k"}`, status: 201, want: []string{`value = "v"`}},
			{do: "DELETE {r}", status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.ageneral_delete"`, `result = null`}},
			{do: "GET {r}", status: 404},
		}},
		{"a git remote's life", []step{
			{do: "POST " + gitRemotes, body: `{"name":"{u}","url":"https://a.example/repo.git","policy":"on_demand"}`, status: 201, keep: map[string]string{"r": "pulp_href"},
				want: []string{`# = 21`, `git_ref = "HEAD"`, `policy absent`, `prn ~ ^"prn:file.filegitremote:`}},
			{do: "PATCH {r}", body: `{"policy":"streamed","git_ref":"HEAD"}`, status: 200, about: "a policy is ignored"},
			{do: "PATCH {r}", body: `{"git_ref":"v1"}`, status: 202, task: "completed", want: []string{`result.git_ref = "v1"`}},
			{do: "PATCH {r}", body: `{"git_ref":""}`, status: 400, want: []string{`git_ref.# = 1`}},
			{do: "PUT {r}", body: `{"name":"{u}","url":"https://a.example/repo.git"}`, status: 202, task: "completed", want: []string{`result.git_ref = "HEAD"`}},
			{do: "GET /remotes/?name={u}", status: 200, want: []string{`results.0.policy = "immediate"`, `results.0.git_ref absent`, `results.0.pulp_href = "{r}"`, `results.0.prn ~ filegitremote`}},
		}},
		{"secrets", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/","username":" hunter2-user ","password":" hunter2 ","client_key":"hunter2-key","proxy_url":"http://p.example:3128","proxy_username":"hunter2-proxy","proxy_password":"hunter2-pp"}`,
				status: 201, keep: map[string]string{"r": "pulp_href", "prn": "prn"}, hasNot: []string{"hunter2"}, want: []string{`hidden_fields.*.is_set = [true,true,true,true,true]`}},
			{do: "PATCH {r}", body: `{"username":"hunter2-user","password":" hunter2 ","client_key":"hunter2-key","proxy_username":"hunter2-proxy","proxy_password":"hunter2-pp"}`, status: 200, hasNot: []string{"hunter2"}, about: "nothing differs"},
			{do: "GET /tasks/?exclusive_resources={prn}", status: 200, want: []string{`count = 0`}},
			{do: "PATCH {r}", body: `{"password":"hunter2"}`, status: 202, task: "completed", hasNot: []string{"hunter2"}, about: "blanks belong to a password"},
			{do: "PUT {r}", body: `{"name":"{u}","url":"http://b.example/"}`, status: 202, task: "completed", hasNot: []string{"hunter2"}, want: []string{`result.hidden_fields.*.is_set = [true,true,true,true,true]`}, about: "what is left out stays"},
			{do: "PATCH {r}", body: `{"proxy_url":null}`, status: 400, want: []string{`non_field_errors.# = 1`}, hasNot: []string{"hunter2"}},
			{do: "PATCH {r}", body: `{"proxy_username":null}`, status: 400, want: []string{`non_field_errors.# = 1`}, hasNot: []string{"hunter2"}},
			{do: "PATCH {r}", body: `{"password":""}`, status: 400, want: []string{`password.# = 1`}}, {do: "PATCH {r}", body: `{"username":""}`, status: 400, want: []string{`username.# = 1`}},
			{do: "PATCH {r}", body: `{"password":["hunter2"]}`, status: 400, want: []string{`password.# = 1`}, hasNot: []string{"hunter2"}},
			{do: "PATCH {r}", body: `{"proxy_url":null,"proxy_username":null,"proxy_password":null}`, status: 202, task: "completed", want: []string{`result.proxy_url = null`, `result.hidden_fields.*.is_set = [true,false,false,true,true]`}},
			{do: "PATCH {r}", body: `{"username":null,"password":null,"client_key":null}`, status: 202, task: "completed", want: []string{`result.hidden_fields.*.is_set = [false,false,false,false,false]`}},
			{do: "PATCH {r}", body: `{"username":null}`, status: 200},
			{do: "GET " + fileRemotes + "?ordering=password", status: 400, about: "no order tells of secrets"},
			{do: "GET " + fileRemotes + "?name={u}", status: 200, hasNot: []string{"hunter2"}},
		}},
		{"certificates", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/","ca_cert":` + quote("junk\n"+key+cert+"more junk\n"+cert) + `,"client_cert":` + quote(cert) + `}`, status: 201, keep: map[string]string{"r": "pulp_href"},
				want: []string{`ca_cert = ` + quote(cert+cert), `client_cert = ` + quote(cert)}, hasNot: []string{"PRIVATE KEY"}},
			{do: "PATCH {r}", body: `{"ca_cert":` + quote("x\n"+cert+cert) + `}`, status: 200},
			{do: "PATCH {r}", body: `{"ca_cert":` + quote(key) + `}`, status: 400, want: []string{`ca_cert.# = 1`}, hasNot: []string{"PRIVATE KEY"}},
			{do: "PATCH {r}", body: `{"client_cert":"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"}`, status: 400, want: []string{`client_cert.# = 1`}},
			{do: "PATCH {r}", body: `{"ca_cert":""}`, status: 400},
			{do: "PATCH {r}", body: `{"ca_cert":null,"client_cert":null}`, status: 202, task: "completed", want: []string{`result.ca_cert = null`, `result.client_cert = null`}},
		}},
		{"headers of a remote", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/","headers":[{"a":"1"},{"a":"1"},{"b":"2"}]}`, status: 201, keep: map[string]string{"r": "pulp_href"}, want: []string{`headers = [{"a":"1"},{"a":"1"},{"b":"2"}]`}},
			{do: "PATCH {r}", body: `{"headers":[{"a":"1"},{"a":"1"},{"b":"2"}]}`, status: 200},
			{do: "PATCH {r}", body: `{"headers":[{"b":"2"},{"a":"1"},{"a":"1"}]}`, status: 202, task: "completed", about: "the order counts"},
			{do: "PATCH {r}", body: `{"headers":[]}`, status: 202, task: "completed", want: []string{`result.headers = []`}}, {do: "PATCH {r}", body: `{"headers":[]}`, status: 200},
			{do: "PATCH {r}", header: urlencoded(), body: `headers=%5B%7B%22x%22%3A%22y%22%7D%5D`, status: 202, task: "completed", want: []string{`result.headers = [{"x":"y"}]`}},
			{do: "PATCH {r}", body: `{"headers":null}`, status: 202, task: "completed", want: []string{`result.headers = null`}},
		}},
		{"what a remote may not be", []step{
			{do: "POST " + fileRemotes, body: `{}`, status: 400, want: []string{`name = ["This field is required."]`, `url = ["This field is required."]`}},
			{do: "POST " + fileRemotes, body: `{"name":null,"url":"","policy":null,"tls_validation":null}`, status: 400, want: []string{`# = 4`}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://joe:hunter2@a.example/"}`, status: 400, want: []string{`url.# = 1`}, hasNot: []string{"hunter2"}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://joe:hunter2@a.example:no/"}`, status: 400, want: []string{`url.# = 1`}, hasNot: []string{"hunter2"}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"ftp://a.example/"}`, status: 400, want: []string{`url.# = 1`}}, {do: "POST " + fileRemotes, body: `{"name":"{u}","url":"nowhere"}`, status: 400, want: []string{`url.# = 1`}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"file:///etc/passwd"}`, status: 400, want: []string{`url.# = 1`}}, {do: "POST " + fileRemotes, body: `{"name":"{u}","url":"file://relative/x"}`, status: 400, want: []string{`url.# = 1`}},
			wrong("", `"policy":"sometimes"`, `policy.# = 1`), wrong("", `"policy":""`, `policy.# = 1`), wrong("", `"policy":1`, `policy.# = 1`),
			wrong("", `"max_retries":-1`, `max_retries.# = 1`), wrong("", `"max_retries":"x"`, `max_retries.# = 1`), wrong("", `"rate_limit":1.5`, `rate_limit.# = 1`), wrong("", `"rate_limit":-1`, `rate_limit.# = 1`),
			wrong("", `"download_concurrency":0`, `download_concurrency.# = 1`), wrong("", `"tls_validation":"maybe"`, `tls_validation.# = 1`),
			wrong("", `"total_timeout":-0.1`, `total_timeout.# = 1`), wrong("", `"connect_timeout":"x"`, `connect_timeout.# = 1`), wrong("", `"sock_connect_timeout":true`, `sock_connect_timeout.# = 1`),
			wrong("", `"sock_read_timeout":"NaN"`, `sock_read_timeout.# = 1`), wrong("", `"sock_read_timeout":1e999`, `sock_read_timeout.# = 1`), wrong("", `"total_timeout":"Infinity"`, `total_timeout.# = 1`),
			wrong("", `"headers":{"a":"hunter2"}`, `headers.# = 1`), wrong("", `"headers":["hunter2"]`, `headers.# = 1`), wrong("", `"headers":[{"a":5}]`, `headers.# = 1`), wrong("", `"headers":[null]`, `headers.# = 1`),
			wrong("", `"headers":[{"a b":"hunter2"}]`, `headers.# = 1`), wrong("", `"headers":[{"a":"hunter2\r\nX: y"}]`, `headers.# = 1`), wrong("", `"headers":"x"`, `headers.# = 1`), wrong("", `"headers":[{"a\u0000":"b"}]`, `headers.# = 1`),
			wrong("", `"proxy_url":"http://joe:hunter2@p.example"`, `proxy_url.# = 1`), wrong("", `"proxy_username":"a","proxy_password":"hunter2"`, `non_field_errors.# = 1`),
			wrong("", `"proxy_url":"http://p.example","proxy_username":"a"`, `non_field_errors.# = 1`), wrong("", `"proxy_url":"http://p.example","proxy_password":"hunter2"`, `non_field_errors.# = 1`),
			wrong("", `"client_key":{}`, `client_key.# = 1`), wrong("", `"username":"a\u0000b"`, `username.# = 1`), wrong("", `"git_ref":"x"`, `git_ref = ["Unexpected field"]`), wrong("", `"hidden":1`, `hidden = ["Unexpected field"]`),
			{do: "GET /remotes/?name={u}wrong", status: 200, want: []string{`count = 0`}},
		}},
		{"lists of remotes", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}a","url":"http://a.example/","policy":"on_demand","pulp_labels":{"env":"x"}}`, status: 201, keep: map[string]string{"a": "pulp_href", "aprn": "prn", "at": "pulp_last_updated"}},
			{do: "POST " + gitRemotes, body: `{"name":"{u}b","url":"http://a.example/"}`, status: 201, keep: map[string]string{"b": "pulp_href"}},
			{do: "GET /remotes/?name__startswith={u}", status: 200, want: []string{`results.*.pulp_href = ["{b}","{a}"]`, `results.*.policy = ["immediate","on_demand"]`}},
			{do: "GET /remotes/?name__startswith={u}&pulp_type=file.file", status: 200, want: []string{`results.*.prn = ["{aprn}"]`}},
			{do: "GET /remotes/?name__startswith={u}&pulp_type__in=file.git", status: 200, want: []string{`results.*.pulp_href = ["{b}"]`}}, {do: "GET /remotes/?pulp_type=file.none", status: 400},
			{do: "GET " + fileRemotes + "?name__startswith={u}", status: 200, want: []string{`results.*.pulp_href = ["{a}"]`}},
			{do: "GET " + fileRemotes + "?name__startswith={u}&pulp_label_select=env=x&pulp_last_updated={at}", status: 200, want: []string{`count = 1`}},
			{do: "GET " + fileRemotes + "?name__startswith={u}&pulp_last_updated__gt={at}", status: 200, want: []string{`count = 0`}},
			{do: "GET " + fileRemotes + "?prn__in={aprn}&pulp_href__in={a}", status: 200, want: []string{`count = 1`}},
			{do: "GET " + fileRemotes + "?url=x", status: 400, want: []string{`errors = ["Invalid Filter: 'url'"]`}}, {do: "GET " + fileRemotes + "?ordering=-url,policy", status: 200},
			{do: "PATCH {a}", body: `{"url":"http://b.example/"}`, status: 202, task: "completed", about: "a new url is an update"},
			{do: "GET " + fileRemotes + "?name__startswith={u}&pulp_last_updated__gt={at}", status: 200, want: []string{`count = 1`}},
		}},
		{"the remote of a repository", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}a","url":"http://a.example/"}`, status: 201, keep: map[string]string{"a": "pulp_href", "aprn": "prn"}},
			{do: "POST " + gitRemotes, body: `{"name":"{u}b","url":"http://a.example/"}`, status: 201, keep: map[string]string{"b": "pulp_href", "bprn": "prn"}},
			{do: "POST " + repos, body: `{"name":"{u}a","remote":"{a}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}, want: []string{`remote = "{a}"`}},
			{do: "POST " + repos, body: `{"name":"{u}b","remote":"{bprn}"}`, status: 201, keep: map[string]string{"second": "pulp_href"}, want: []string{`remote = "{b}"`}},
			{do: "POST " + repos, body: `{"name":"{u}c","remote":"{repo}"}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "POST " + repos, body: `{"name":"{u}c","remote":"` + strings.TrimSuffix(root, "/") + fileRemotes + `{none}/"}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "POST " + repos, body: `{"name":"{u}c","remote":""}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "PATCH {repo}", body: `{"remote":"{aprn}"}`, status: 200, want: []string{`remote = "{a}"`}},
			{do: "GET " + repos + "?name__startswith={u}&remote={a}", status: 200, want: []string{`results.*.remote = ["{a}"]`}},
			{do: "GET " + repos + "?name__startswith={u}&remote={bprn}", status: 200, want: []string{`results.*.remote = ["{b}"]`}},
			{do: "GET /repositories/?name__startswith={u}&remote=" + strings.TrimSuffix(root, "/") + gitRemotes, status: 200, want: []string{`results.*.remote = ["{b}"]`}, about: "any of a type"},
			{do: "GET /repositories/?name__startswith={u}&remote=null", status: 200, want: []string{`count = 0`}}, {do: "GET /repositories/?remote={repo}", status: 400},
			{do: "PATCH {repo}", body: `{"remote":"{b}"}`, status: 202, task: "completed", want: []string{`result.remote = "{b}"`}},
			{do: "DELETE {b}", status: 202, task: "completed"},
			{do: "GET {repo}", status: 200, want: []string{`remote = null`}}, {do: "GET {second}", status: 200, want: []string{`remote = null`}},
			{do: "PATCH {repo}", body: `{"remote":"{bprn}"}`, status: 400, want: []string{`remote.# = 1`}},
		}},
	}
}

// alternates are alternate content sources (rest-contract §2.12).
func alternates() []scenario {
	path := strings.TrimSuffix(root, "/")
	return []scenario{
		{"an alternate content source's life", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://127.0.0.1:9/x/","policy":"on_demand"}`, status: 201, keep: map[string]string{"r": "pulp_href", "rprn": "prn"}},
			{do: "POST " + fileRemotes, body: `{"name":"{u}now","url":"http://127.0.0.1:9/","policy":"immediate"}`, status: 201, keep: map[string]string{"now": "pulp_href"}},
			{do: "POST " + gitRemotes, body: `{"name":"{u}git","url":"http://127.0.0.1:9/"}`, status: 201, keep: map[string]string{"git": "pulp_href"}},
			{do: "POST " + sources, body: `{}`, status: 400, want: []string{`name.# = 1`, `remote.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{now}"}`, status: 400, want: []string{`remote.# = 1`}}, {do: "POST " + sources, body: `{"name":"{u}","remote":"{git}"}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":null}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":["/a"]}`, status: 400, want: []string{`paths.# = 1`}}, {do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":["a","a"]}`, status: 400, want: []string{`paths.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":"a"}`, status: 400, want: []string{`paths.# = 1`}}, {do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":[{}]}`, status: 400, want: []string{`paths.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","last_refreshed":"x"}`, status: 400, want: []string{`last_refreshed.# = 1`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{rprn}"}`, status: 201, keep: map[string]string{"acs": "pulp_href", "prn": "prn"},
				want: []string{`# = 8`, `name = "{u}"`, `remote = "{r}"`, `paths = [""]`, `last_refreshed = null`, `prn ~ ^"prn:file.filealternatecontentsource:`}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}"}`, status: 400, want: []string{`. = {"name":["This field must be unique."]}`}},
			{do: "GET " + sources + "?name={u}", status: 200, want: []string{`results.0.paths = [""]`, `count = 1`}},
			{do: "PATCH {acs}", body: `{"name":"{u}","remote":"{r}"}`, status: 200}, {do: "PATCH {acs}", body: `{"paths":null}`, status: 200, want: []string{`paths = [""]`}},
			{do: "PATCH {acs}", body: `{"paths":["a/PULP_MANIFEST","b/PULP_MANIFEST"]}`, status: 202, task: "completed", want: []string{`result.paths = ["a/PULP_MANIFEST","b/PULP_MANIFEST"]`}},
			{do: "PATCH {acs}", body: `{"paths":["a/PULP_MANIFEST","b/PULP_MANIFEST"]}`, status: 202, task: "completed", about: "a list that is given is always a change"},
			{do: "PATCH {acs}", header: urlencoded(), body: `paths=x&paths=a/PULP_MANIFEST`, status: 202, task: "completed", want: []string{`result.paths = ["a/PULP_MANIFEST","x"]`}},
			{do: "PATCH {acs}", body: `{"remote":"{now}"}`, status: 400, want: []string{`remote.# = 1`}},
			{do: "DELETE {r}", status: 409, has: []string{"{u}"}, about: "a remote in use"},
			{do: "DELETE {acs}", status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.base.general_multi_delete"`, `result = null`, `reserved_resources_record.0 = "{prn}"`}},
			{do: "GET {acs}", status: 404}, {do: "DELETE {r}", status: 202, task: "completed"},
		}},
		{"a refresh that fails", []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://127.0.0.1:9/x","policy":"on_demand","max_retries":0}`, status: 201, keep: map[string]string{"r": "pulp_href", "rprn": "prn"}},
			{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":["a","b"]}`, status: 201, keep: map[string]string{"acs": "pulp_href", "prn": "prn"}},
			{do: "POST {acs}refresh/", status: 202, want: []string{`# = 1`}, keep: map[string]string{"g": "task_group"}},
			{do: "GET {g}", status: 200, want: []string{`description = "Refreshing 2 alternate content source paths."`, `all_tasks_dispatched = true`, `tasks.# = 2`, `tasks.0.name = "pulp_file.app.tasks.synchronizing.synchronize"`},
				keep: map[string]string{"one": "tasks.0.pulp_href", "two": "tasks.1.pulp_href"}},
			{do: "GET {one}", status: 200, want: []string{`task_group = "{g}"`, `reserved_resources_record.0 ~ ^"prn:file.filerepository:`, `reserved_resources_record.1 = "shared:{rprn}"`, `reserved_resources_record.2 = "shared:{prn}"`}},
			{do: "GET /tasks/?task_group={g}", status: 200, want: []string{`count = 2`}},
			{do: "GET /repositories/?name__contains={u}", status: 200, want: []string{`count = 0`}, about: "what a source keeps is in no list"},
			{do: "DELETE {acs}", status: 202, task: "completed", want: []string{`reserved_resources_record.# = 4`}, about: "with what it keeps, after the refresh"},
			{do: "GET {g}", status: 200, want: []string{`failed = 2`, `waiting = 0`, `running = 0`}},
			{do: "PATCH {g}", body: `{"state":"canceled"}`, status: 200, want: []string{`failed = 2`}},
			{do: "PATCH {g}", body: `{"state":"failed"}`, status: 400, want: []string{`state.# = 1`}}, {do: "PATCH {g}", body: `{}`, status: 400},
			{do: "PATCH " + path + `/task-groups/{none}/`, body: `{"state":"canceled"}`, status: 404},
		}},
	}
}

func urlencoded() map[string]string {
	return map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return string(quoted)
}

// certificate makes one and its key, as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// TestSecretsAreStoredSealed looks for what was sent as secret in everything that is kept of it.
func TestSecretsAreStoredSealed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		vars := map[string]string{"u": "sealed"}
		for i, s := range []step{
			{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://127.0.0.1:9/hunter","username":"hunter2-a","password":"hunter2-b","client_key":"hunter2-c"}`, status: 201, keep: map[string]string{"r": "pulp_href"}},
			{do: "PATCH {r}", body: `{"username":"hunter2-d","password":"hunter2-e","proxy_url":"http://p.example","proxy_username":"hunter2-f","proxy_password":"hunter2-g"}`, status: 202, task: "completed"},
			{do: "POST " + repos, body: `{"name":"{u}","remote":"{r}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "POST {repo}sync/", body: `{}`, status: 202, task: "failed", about: "with credentials that cannot be used"},
		} {
			w.step(t, fmt.Sprintf("step %d", i), s, vars)
		}
		for _, table := range []string{"core_remotes", "core_tasks"} {
			rows := []map[string]any{}
			must(t, w.db.Read(t.Context()).Table(table).Find(&rows).Error)
			if len(rows) == 0 {
				t.Errorf("%s is empty", table)
			}
			for _, row := range rows {
				for column, value := range row {
					raw, isBytes := value.([]byte)
					if !isBytes {
						raw = []byte(fmt.Sprint(value))
					}
					if bytes.Contains(raw, []byte("hunter2")) {
						t.Errorf("%s.%s has a secret in it: %q", table, column, raw)
					}
				}
			}
		}
		for _, list := range []string{"/remotes/", fileRemotes, "/tasks/", "/repositories/"} {
			if answer := w.do(t, w.request(t, step{do: "GET " + list}, nil)); answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "hunter2") {
				t.Errorf("%s answered %d with a secret: %s", list, answer.Code, answer.Body)
			}
		}
	})
}
