package main_test

import (
	"net/http"
	"strings"

	"github.com/packhouse/packhouse/core/testkit"
)

// domains makes a domain with the secrets of a bucket, for which the server starts again with domains switched on.
func (h *hunt) domains(upstream string) {
	h.t.Helper()
	h.environ = append(h.environ, "PACKHOUSE_DOMAIN_ENABLED=true")
	server, said := h.watch("serve")
	h.reachable = false
	h.await("the API", func() bool { h.get("/pulp/api/v3/status/"); return h.reachable })
	path, body := senders()["Domain"](upstream)
	path = strings.Replace(path, "/pulp/", "/pulp/default/", 1)
	settings := body["storage_settings"].(map[string]any)
	settings["secret_key"], settings["security_token"] = h.new("Domain.secret_key"), h.new("Domain.security_token")
	if status, made := h.ask(http.MethodPost, path, body); status != http.StatusBadRequest {
		h.t.Errorf("POST %s with a bucket that refuses: %d %v", path, status, made)
	}
	endpoint, access, secretKey, bucket := testkit.S3(h.t) // the key of the real storage is the canary: it must work
	h.canaries["Domain.secret_key, which works"] = secretKey
	settings = map[string]any{"endpoint_url": endpoint, "access_key": access, "secret_key": secretKey, "bucket_name": bucket, "addressing_style": "path"}
	body["storage_settings"] = settings
	status, made := h.ask(http.MethodPost, path, body)
	href, _ := made["pulp_href"].(string)
	if status != http.StatusCreated || href == "" {
		h.t.Fatalf("POST %s: %d %v", path, status, made)
	}
	h.ask(http.MethodPost, path, body) // the name is taken now
	settings["secret_key"] = h.new("Domain.secret_key")
	_, answer := h.ask(http.MethodPatch, href, map[string]any{"storage_settings": settings}) // a wrong key is refused, here or by the task
	h.finish(answer)
	for _, path := range []string{href, path, strings.Replace(path, "domains/", "audit/", 1), strings.Replace(path, "domains/", "tasks/", 1)} {
		h.ask(http.MethodGet, path, nil)
	}
	server.kill()
	h.found("the log of the server with domains", []byte(said.all()))
}
