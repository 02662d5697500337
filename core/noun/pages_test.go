package noun_test

import (
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/task"
)

// The pages of a version are read from the end that is nearer: put together they are the list that any other order gives.
func TestPagesOfAVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		var units []string
		for i := range 7 {
			path := fmt.Sprintf("f%d", i)
			units = append(units, w.made(w.form("content/test/units/upload/", path, map[string]string{"relative_path": path})).get("pulp_href"))
		}
		for _, body := range []map[string]any{{"add_content_units": units}, {"remove_content_units": units[2:4]}} {
			row, err := w.finished(w.post(repo+"modify/", body))
			must(t, err)
			if row.State != task.Completed {
				t.Fatalf("%s", row.Error)
			}
		}
		for version, want := range map[string]int{"1/": 7, "2/": 5} {
			of := "content/test/units/?repository_version=" + repo + "versions/" + version
			for limit := 1; limit <= 8; limit++ {
				for offset := range 9 {
					at := fmt.Sprintf("&limit=%d&offset=%d", limit, offset)
					page, err := w.do("GET", of+at, "", nil)
					must(t, err)
					sorted, err := w.do("GET", of+at+"&ordering=-pulp_created", "", nil)
					must(t, err)
					if results(page) != results(sorted) || fmt.Sprint(page.body["count"]) != fmt.Sprint(want) {
						t.Fatalf("%s%s is %s of %v, want %s of %d", version, at, results(page), page.body["count"], results(sorted), want)
					}
				}
			}
		}
	})
}
