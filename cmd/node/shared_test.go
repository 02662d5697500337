package node

import (
	"net/http"
	"testing"
)

// TestContentProcessesShareAnswers: the second one has no memory of its own and has never been asked.
func TestContentProcessesShareAnswers(t *testing.T) {
	t.Parallel()
	environ := append(split(t, t.TempDir()), "PACKHOUSE_CACHE_ENABLED=true")
	first := start(t, Serve, environ...)
	wholeWay(t, first, first)
	second := start(t, Content, append(environ, "PACKHOUSE_CONTENT_MEMORY=0")...)
	for _, ask := range []struct {
		n    *running
		path string
		want string
	}{
		{first, "d/", "MISS"}, {first, "d/", "HIT"}, {second, "d/", "HIT"}, {second, "d/folder/hello.txt", "HIT"}, {second, "d/folder/", "MISS"}, {first, "d/folder/", "HIT"}, {second, "d/none", ""},
	} {
		response, err := http.Get(ask.n.URL() + "/pulp/content/" + ask.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("X-PULP-CACHE"); got != ask.want {
			t.Errorf("%s: %s is a %q, want %q", response.Status, ask.path, got, ask.want)
		}
	}
	second.tells(`packhouse_content_lookups_total{from="shared"}`, `packhouse_content_lookups_total{from="database"}`)
	first.tells(`packhouse_content_lookups_total{from="memory"}`)
}
