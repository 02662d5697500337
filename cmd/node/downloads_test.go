package node

import (
	"net/http"
	"testing"
	"time"
)

// TestWhenContentWasLastDownloaded, by those who download it and in time.
func TestWhenContentWasLastDownloaded(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_DOWNLOAD_TIMES=1")...)
	_, repository := n.call("POST", "/pulp/api/v3/repositories/file/file/", map[string]any{"name": "orchard", "autopublish": true})
	href, ok := repository["pulp_href"].(string)
	if !ok {
		t.Fatalf("no repository: %v", repository)
	}
	n.upload("pear.txt", "a pear", href)
	n.upload("plum.txt", "a plum", href)
	n.done("POST", "/pulp/api/v3/distributions/file/file/", map[string]any{"name": "d", "base_path": "orchard", "repository": href})
	day := func(path string) any {
		_, list := n.call("GET", "/pulp/api/v3/content/file/files/?relative_path="+path, nil)
		unit := list["results"].([]any)[0].(map[string]any)["pulp_href"].(string)
		status, answer := n.call("GET", unit+"downloads/", nil)
		if last, there := answer["last_downloaded"]; status == http.StatusOK && there {
			return last
		}
		t.Fatalf("the unit is answered with %d %v", status, answer)
		return nil
	}
	const at = "/pulp/content/orchard/"
	n.until("the files are published", func() bool {
		status, _ := n.ask("HEAD", n.URL()+at+"plum.txt", "", nil) // that is no download
		return status == http.StatusOK
	})
	before := time.Now().UTC().Format(time.DateOnly)
	for range 3 { // from the disk and from memory
		if status, text := n.ask("GET", n.URL()+at+"pear.txt", "", nil); status != http.StatusOK || text != "a pear" {
			t.Fatalf("the file is answered with %d %s", status, text)
		}
	}
	n.ask("GET", n.URL()+at+"PULP_MANIFEST", "", nil)
	n.ask("GET", n.URL()+at+"none.txt", "", nil)
	n.until("the day is known", func() bool { return day("pear.txt") != nil })
	if last := day("pear.txt"); last != before && last != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("it was last downloaded on %v", last)
	}
	if last := day("plum.txt"); last != nil {
		t.Errorf("what nobody has got was last downloaded on %v", last)
	}
}
