package noun_test

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

func TestReclaimSpareWhatCannotComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		up := upstream.New(t)
		s := w.shelve("r", "synced", "uploaded", "kept")
		s.units["late"], s.units["shared"], s.units["same"] = w.unit("late"), w.unit("shared"), w.unit("same")
		s.modify("late", "shared", "same")
		w.completed(w.post(s.repo+"modify/", map[string]any{"remove_content_units": []string{s.units["late"]}}))
		s.offer(up.URL, "synced", "kept", "late", "shared", "same")
		other := w.shelve("other")
		other.units = s.units
		other.modify("shared")
		// The same bytes at another path, uploaded: the artifact stays with it.
		twin := w.made(w.form("content/test/units/upload/", "same", map[string]string{"relative_path": "twin"})).get("pulp_href")
		w.completed(w.post(other.repo+"modify/", map[string]any{"add_content_units": []string{twin}}))
		keeping := w.made(w.post("repositories/test/test/", map[string]any{"name": "keeping"})).get("pulp_href")
		w.completed(w.post(keeping+"modify/", map[string]any{"add_content_units": []string{s.units["kept"]}}))
		all := []string{"synced", "uploaded", "kept", "late", "shared", "same"}

		row := w.completed(w.post("repositories/reclaim_space/", map[string]any{"repo_hrefs": []string{s.repo, keeping}, "repo_versions_keeplist": []string{keeping + "versions/1/"}}))
		if got := w.counted(row); got != "reclaim-space.artifact=2" {
			t.Error(got)
		}
		if got := w.left(all...); got != "synced:u uploaded:uab kept:uab late:u shared:uab same:uab" {
			t.Errorf("left %s", got)
		}
		for text, want := range map[string]bool{"synced": false, "same": false, "kept": true, "shared": true} {
			a, err := w.do("GET", s.units[text], "", nil)
			must(t, err)
			if (a.body["artifact"] != nil) != want {
				t.Errorf("%s has the artifact %v", text, a.body["artifact"])
			}
		}
		row = w.completed(w.post("repositories/reclaim_space/", map[string]any{"repo_hrefs": []string{"*"}}))
		if got := w.left(all...); got != "synced:u uploaded:uab kept:u late:u shared:u same:uab" {
			t.Errorf("%s, left %s", w.counted(row), got)
		}
		w.allRows()
		var reclaims int64
		must(t, w.db.Read(t.Context()).Raw("SELECT reclaims FROM core_domains").Scan(&reclaims).Error)
		if reclaims != 2 {
			t.Errorf("the domain counts %d batches that were given back, want 2", reclaims)
		}
		for body, member := range map[string]string{
			`{}`: "repo_hrefs", `{"repo_hrefs":[]}`: "repo_hrefs", `{"repo_hrefs":["` + s.units["kept"] + `"]}`: "repo_hrefs",
			`{"repo_hrefs":["*","` + s.repo + `"]}`: "repo_hrefs", `{"repo_hrefs":["*"],"repo_versions_keeplist":["` + s.repo + `"]}`: "repo_versions_keeplist",
			`{"repo_hrefs":["/pulp/api/v3/repositories/test/test/01900000-0000-7000-8000-000000000000/"]}`: "repo_hrefs",
		} {
			if a, err := w.do("POST", "repositories/reclaim_space/", "application/json", strings.NewReader(body)); err != nil || a.status != 400 || a.body[member] == nil {
				t.Errorf("%s: %d %s, %v", body, a.status, a.text, err)
			}
		}
	})
}
