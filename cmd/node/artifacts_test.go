package node

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/guard"
)

// TestArtifactsAreServedToWhoHasASignedAddress: nobody else gets the bytes, not even an administrator.
func TestArtifactsAreServedToWhoHasASignedAddress(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_CONTENT_MEMORY=1")...)
	wholeWay(t, n, n)
	if err := base.MakeArtifactDistribution(t.Context(), n.db); err != nil { // a second time
		t.Fatal(err)
	}
	_, list := n.call("GET", "/pulp/api/v3/distributions/core/artifacts/", nil)
	if list["count"] != 1.0 {
		t.Fatalf("the artifact distributions: %v", list)
	}
	d := list["results"].([]any)[0].(map[string]any)
	guardHref, _ := d["content_guard"].(string)
	if _, has := d["repository"]; has || !strings.HasPrefix(guardHref, "/pulp/api/v3/contentguards/core/content_redirect/") {
		t.Errorf("it is %v", d)
	}
	href := d["pulp_href"].(string)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		target := href
		if method == "POST" {
			target = "/pulp/api/v3/distributions/core/artifacts/"
		}
		if status, _ := n.call(method, target, map[string]any{"name": "x"}); status != http.StatusMethodNotAllowed {
			t.Errorf("%s answers %d", method, status)
		}
	}
	_, artifacts := n.call("GET", "/pulp/api/v3/artifacts/?ordering=size", nil)
	var id string
	for _, a := range artifacts["results"].([]any) {
		if a.(map[string]any)["size"] == 6.0 { // "hello\n"
			parts := strings.Split(a.(map[string]any)["pulp_href"].(string), "/")
			id = parts[len(parts)-2]
		}
	}
	path := d["base_url"].(string) + id
	signed := func(now time.Time) string {
		address, err := guard.Sign(n.signingKey(), path, "", now)
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	for address, want := range map[string]int{
		signed(time.Now()): http.StatusOK, path: http.StatusForbidden, signed(time.Now().Add(-2 * time.Hour)): http.StatusForbidden,
		strings.Replace(signed(time.Now()), id, id[:35]+"0", 1): http.StatusForbidden, d["base_url"].(string): http.StatusForbidden,
	} {
		status, answer := n.call("GET", address, nil)
		if status != want || status == http.StatusOK && answer["text"] != "hello\n" {
			t.Errorf("%s answers %d %v, want %d", address, status, answer, want)
		}
	}
	if _, page := n.call("GET", "/pulp/content/", nil); strings.Contains(page["text"].(string), "0000") {
		t.Errorf("it is listed: %v", page)
	}
}
