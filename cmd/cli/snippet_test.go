package cli

import (
	"strings"
	"testing"
)

func TestSnippetsFollowTheSettings(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for server, want := range map[string]struct{ plain, tls, media []string }{
		"nginx": {
			[]string{"listen 80;", "server_name _;", "server 127.0.0.1:24817;", "location /pulp/content/ {", "location /pulp/ {"},
			[]string{"listen 443 ssl;", "server_name a.example.org b.example.org;", `ssl_certificate_key "/k";`, "server 10.0.0.1:1;\n    server 10.0.0.2:2;"},
			[]string{"server_name packages.example.org;", "server 127.0.0.1:8080;", "location /c/ {", "location /_media/ {", `alias "/srv/media/";`, `proxy_set_header X-Who "";`},
		},
		"apache": {
			[]string{"<VirtualHost *:80>", `ProxyPass "/pulp/content" "${pulp-content-url}/pulp/content" nocanon`, "Define pulp-api-url http://127.0.0.1:24817"},
			[]string{"<VirtualHost *:443>", "ServerName a.example.org", "ServerAlias b.example.org", `SSLCertificateFile "/c"`, `BalancerMember "http://10.0.0.2:2"`},
			[]string{"ServerName packages.example.org", "http://127.0.0.1:8080", `<Location "/c/">`, `XSendFilePath "/srv/media"`, "unset X-Who early"},
		},
	} {
		has := func(text string, words []string) {
			t.Helper()
			for _, word := range words {
				if !strings.Contains(text, word) {
					t.Errorf("%s lacks %q:\n%s", server, word, text)
				}
			}
		}
		plain := b.ok("snippet", server)
		has(plain, want.plain)
		if strings.Contains(plain, "_media") || strings.Contains(plain, "XSendFile") {
			t.Errorf("%s is told of files that it does not send:\n%s", server, plain)
		}
		has(b.ok("snippet", server, "--name", "a.example.org", "--name", "b.example.org", "--certificate", "/c", "--key", "/k", "--content", "10.0.0.1:1", "--content", "10.0.0.2:2"), want.tls)
		settings := []string{
			"--set", "content_sendfile=" + server, "--set", "trusted_proxies=127.0.0.1", "--set", "content_origin=https://packages.example.org:444", "--set", "listen=0.0.0.0:8080",
			"--set", "content_path_prefix=/c/", "--set", "storage.location=/srv/media", "--set", "authentication.remote_user_header=X-Who",
		}
		has(b.ok(append([]string{"snippet", server}, settings...)...), want.media)
		b.fails(exitFailed, []string{"no host name"}, "snippet", server, "--name", "a;b")
		b.fails(exitFailed, []string{"name both or none"}, "snippet", server, "--key", "/k")
		b.fails(exitFailed, []string{"want TLS"}, "snippet", server, "--client-certificates")
		b.fails(exitMisused, []string{"write it as"}, "snippet", server, "x")
	}
	if other := b.ok("snippet", "apache", "--set", "content_sendfile=nginx", "--set", "trusted_proxies=127.0.0.1"); strings.Contains(other, "XSendFile") {
		t.Error("the files of nginx are told to Apache")
	}
	b.fails(exitMisused, []string{"no command", "choose apache or nginx"}, "snippet", "caddy")
}
