package noun_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

const senders = 8

// together runs work many times at once.
func together(t *testing.T, work func(i int) error) {
	t.Helper()
	var wait sync.WaitGroup
	failures := make([]error, senders)
	for i := range senders {
		wait.Go(func() { failures[i] = work(i) })
	}
	wait.Wait()
	must(t, errors.Join(failures...))
}

// One unit comes from many senders, by both ways, into many repositories: it is one unit, with the labels of the first.
func TestEqualUnitsAtOnceAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		hrefs := make([]string, senders)
		together(t, func(i int) error {
			fields := map[string]string{"relative_path": "a/b", "pulp_labels": fmt.Sprintf(`{"from":"%d"}`, i)}
			if i%2 == 0 {
				a, err := w.form("content/test/units/upload/", "the same", fields)
				if err == nil && a.status != 201 {
					err = errors.New(a.text)
				}
				hrefs[i] = a.get("pulp_href")
				return err
			}
			repo, err := w.post("repositories/test/test/", map[string]any{"name": fmt.Sprint("into ", i)})
			if err != nil {
				return err
			}
			fields["repository"] = repo.get("pulp_href")
			row, err := w.finished(w.form("content/test/units/", "the same", fields))
			if err != nil {
				return err
			}
			var unit struct {
				Href string `json:"pulp_href"`
			}
			hrefs[i] = ""
			if row.State == task.Completed {
				err = json.Unmarshal(row.Result, &unit)
				hrefs[i] = unit.Href
			}
			return err
		})
		for _, href := range hrefs {
			if href != hrefs[0] || href == "" {
				t.Fatalf("units %q", hrefs)
			}
		}
		for table, want := range map[string]int64{"test_units": 1, "core_contents": 1, "core_content_artifacts": 1, "core_artifacts": 1, "core_repository_contents": senders / 2} {
			if n := w.rows(table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
		before := w.labels()
		_, err := w.form("content/test/units/upload/", "the same", map[string]string{"relative_path": "a/b", "pulp_labels": `{"from":"late"}`})
		must(t, err)
		if now := w.labels(); now != before {
			t.Errorf("labels %s became %s", before, now)
		}
	})
}

func (w *world) rows(table string) (n int64) {
	w.t.Helper()
	must(w.t, w.db.Read(w.t.Context()).Table(table).Count(&n).Error)
	return n
}

func (w *world) labels() string {
	w.t.Helper()
	var c model.Content
	must(w.t, w.db.Read(w.t.Context()).Take(&c).Error)
	text, err := json.Marshal(c.PulpLabels)
	must(w.t, err)
	return string(text)
}

// A unit whose file was never fetched gets it from whoever brings it.
func TestAUnitWithoutAFileGetsIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		first := w.made(w.form("content/test/units/upload/", "late", map[string]string{"relative_path": "a"}))
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("UPDATE core_content_artifacts SET artifact_id = NULL").Error }))
		again := w.made(w.form("content/test/units/upload/", "late", map[string]string{"relative_path": "a"}))
		if again.get("pulp_href") != first.get("pulp_href") || again.get("artifact") != first.get("artifact") {
			t.Errorf("%s beside %s", again.text, first.text)
		}
	})
}

// An upload is consumed by the unit that is made of it, and stays when none is made.
func TestAnUploadIsConsumed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		fill := func(text string) string {
			u := w.made(w.post("uploads/", map[string]any{"size": len(text)}))
			row := &model.Upload{Base: model.Base{ID: strings.Split(u.get("prn"), ":")[2]}, Size: int64(len(text))}
			c, err := w.store.ReceiveChunk(t.Context(), w.db, row, 0, row.Size-1, strings.NewReader(text))
			must(t, err)
			must(t, c.Save(t.Context()))
			return u.get("pulp_href")
		}
		create := func(upload string, more map[string]any) *task.Row {
			body := map[string]any{"upload": upload, "relative_path": "a/b", "repository": repo}
			for name, value := range more {
				body[name] = value
			}
			row, err := w.finished(w.post("content/test/units/", body))
			must(t, err)
			return row
		}
		if row := create(fill("first"), nil); row.State != task.Completed || w.rows("core_uploads") != 0 {
			t.Fatalf("%s %s, %d uploads", row.State, row.Error, w.rows("core_uploads"))
		}
		second := fill("second")
		if row := create(second, map[string]any{"overwrite": false}); row.State != task.Failed || !strings.Contains(string(row.Error), "PLP0023") {
			t.Errorf("%s %s", row.State, row.Error)
		}
		if w.rows("core_uploads") != 1 || w.rows("core_artifacts") != 1 {
			t.Errorf("%d uploads, %d artifacts after a failure", w.rows("core_uploads"), w.rows("core_artifacts"))
		}
		if row := create(second, nil); row.State != task.Completed || w.rows("core_uploads") != 0 {
			t.Errorf("again: %s %s", row.State, row.Error)
		}
		var key string
		must(t, w.db.Read(t.Context()).Raw("SELECT file FROM core_artifacts WHERE sha256 = ?", fmt.Sprintf("%x", sha256.Sum256([]byte("second")))).Scan(&key).Error)
		r, err := w.store.Storage.Open(t.Context(), key, 0, -1)
		must(t, err)
		defer r.Close()
		var got bytes.Buffer
		if _, err := got.ReadFrom(r); err != nil || got.String() != "second" {
			t.Errorf("stored %q, %v", got.String(), err)
		}
	})
}

// However many ask at once, places that run through each other are given to one only.
func TestBasePathsNeverOverlap(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		paths := []string{"a", "a/b", "a/b/c", "a", "a0", "a-", "b/c", "b"}
		together(t, func(i int) error {
			a, err := w.post("distributions/test/test/", map[string]any{"name": fmt.Sprint(i), "base_path": paths[i]})
			if err != nil || a.status == 400 && strings.Contains(a.text, "base_path") {
				return err
			}
			_, err = w.finished(a, nil)
			return err
		})
		var taken []string
		must(t, w.db.Read(t.Context()).Table("core_distributions").Order("base_path").Pluck("base_path", &taken).Error)
		for _, one := range taken {
			for _, other := range taken {
				if strings.HasPrefix(other, one+"/") {
					t.Errorf("%q and %q", one, other)
				}
			}
		}
		if got := strings.Join(taken, " "); !strings.Contains(got, "a- ") || !strings.Contains(got, "a0") || len(taken) != 4 && len(taken) != 3 {
			t.Errorf("taken are %q", taken)
		}
		for _, path := range []string{taken[0], taken[0] + "/below", "/a", "x/", "x//y", "x y", "../x", ""} {
			if a, err := w.post("distributions/test/test/", map[string]any{"name": "late", "base_path": path}); err != nil || a.status != 400 || a.body["base_path"] == nil {
				t.Errorf("%q: %d %s, %v", path, a.status, a.text, err)
			}
		}
	})
}

// What a version added stays right when the one before it is deleted.
func TestListsOfChangesFollowDeletedVersions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		unit := func(path string) string {
			return w.made(w.form("content/test/units/upload/", path, map[string]string{"relative_path": path})).get("pulp_href")
		}
		a, b := unit("a"), unit("b")
		for _, body := range []map[string]any{{"add_content_units": []string{a}}, {"add_content_units": []string{b}}, {"remove_content_units": []string{a}}} {
			row, err := w.finished(w.post(repo+"modify/", body))
			must(t, err)
			if row.State != task.Completed {
				t.Fatalf("%s", row.Error)
			}
		}
		for _, number := range []string{"1/", "0/", "2/"} {
			row, err := w.finished(w.send("DELETE", repo+"versions/"+number, nil))
			must(t, err)
			if row.State != task.Completed {
				t.Fatalf("delete %s: %s", number, row.Error)
			}
		}
		at := repo + "versions/3/"
		for parameter, want := range map[string]string{"repository_version": b, "repository_version_added": b, "repository_version_removed": ""} {
			list, err := w.do("GET", "content/test/units/?"+parameter+"="+at, "", nil)
			must(t, err)
			if hrefs := results(list); hrefs != want {
				t.Errorf("%s is %q, want %q", parameter, hrefs, want)
			}
		}
		v, err := w.do("GET", at, "", nil)
		must(t, err)
		summary, err := json.Marshal(v.body["content_summary"])
		must(t, err)
		for _, part := range []string{`"added":{"test.unit":{"count":1`, `"present":{"test.unit":{"count":1`, `"removed":{}`} {
			if !strings.Contains(string(summary), part) {
				t.Errorf("the summary %s lacks %s", summary, part)
			}
		}
	})
}

func results(list answer) string {
	var hrefs []string
	rows, _ := list.body["results"].([]any)
	for _, row := range rows {
		hrefs = append(hrefs, fmt.Sprint(row.(map[string]any)["pulp_href"]))
	}
	return strings.Join(hrefs, " ")
}
