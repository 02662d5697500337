package noun_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// shelf is a repository with units, some of which a remote has too.
type shelf struct {
	*world
	repo   string
	units  map[string]string
	remote *model.Remote
}

// shelve makes a repository with a unit for each text, named like it.
func (w *world) shelve(name string, texts ...string) *shelf {
	w.t.Helper()
	s := &shelf{world: w, repo: w.made(w.post("repositories/test/test/", map[string]any{"name": name})).get("pulp_href"), units: map[string]string{}}
	for _, text := range texts {
		s.units[text] = w.made(w.form("content/test/units/upload/", text, map[string]string{"relative_path": text})).get("pulp_href")
	}
	s.modify(texts...)
	return s
}

// modify adds units to the repository.
func (s *shelf) modify(texts ...string) {
	s.t.Helper()
	hrefs := []string{}
	for _, text := range texts {
		hrefs = append(hrefs, s.units[text])
	}
	s.completed(s.post(s.repo+"modify/", map[string]any{"add_content_units": hrefs}))
}

// completed waits for a task that must do well.
func (w *world) completed(a answer, err error) *task.Row {
	w.t.Helper()
	row, err := w.finished(a, err)
	must(w.t, err)
	if row.State != task.Completed {
		w.t.Fatalf("%s is %s: %s", row.Name, row.State, row.Error)
	}
	return row
}

func idOf(href string) string {
	parts := strings.Split(strings.Trim(href, "/"), "/")
	return parts[len(parts)-1]
}

// offer says that a remote at an address has the files of units.
func (s *shelf) offer(address string, texts ...string) {
	s.t.Helper()
	if s.remote == nil {
		s.remote = &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: ident.New(), URL: address, Policy: model.Immediate, TLSValidation: true}
		must(s.t, s.db.InTx(s.t.Context(), func(tx *db.Tx) error { return tx.Create(s.remote).Error }))
	}
	must(s.t, s.db.InTx(s.t.Context(), func(tx *db.Tx) error {
		for _, text := range texts {
			row := &model.RemoteArtifact{ContentID: idOf(s.units[text]), RelativePath: text, RemoteID: s.remote.ID, URL: address + "/" + text}
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// damage puts other bytes in the place of a text's; empty takes them away.
func (w *world) damage(text, other string) {
	w.t.Helper()
	must(w.t, w.store.Storage.Delete(w.t.Context(), keyOf(text)))
	if other != "" {
		_, err := storage.Put(w.t.Context(), w.store.Storage, keyOf(text), strings.NewReader(other))
		must(w.t, err)
	}
}

func sha256Hex(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func keyOf(text string) string { return artifact.Key(sha256Hex(text)) }

// stored is the text in the place of a text's bytes, "-" when there is none.
func (w *world) stored(text string) string {
	w.t.Helper()
	r, err := w.store.Storage.Open(w.t.Context(), keyOf(text), 0, -1)
	if err != nil {
		return "-"
	}
	defer r.Close()
	var got bytes.Buffer
	_, err = got.ReadFrom(r)
	must(w.t, err)
	return got.String()
}

// counted is the progress of a task.
func (w *world) counted(row *task.Row) string {
	w.t.Helper()
	var reports []task.ProgressReport
	must(w.t, w.db.Read(w.t.Context()).Where("task_id = ?", row.ID).Order("id").Find(&reports).Error)
	var parts []string
	for _, r := range reports {
		if r.State != task.Completed {
			w.t.Errorf("the report %s is %s", r.Code, r.State)
		}
		parts = append(parts, fmt.Sprintf("%s=%d", r.Code, r.Done))
	}
	return strings.Join(parts, " ")
}

func TestRepairFetchesAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		up := upstream.New(t)
		s := w.shelve("r", "sound", "gone", "rotten", "lonely", "moved", "lied")
		other := w.shelve("elsewhere", "afar")
		for _, text := range []string{"gone", "rotten", "moved", "lied", "afar"} {
			up.Set("/"+text, []byte(text))
		}
		up.Always("/moved", upstream.Status(404))
		up.Always("/lied", upstream.Wrong())
		s.offer(up.URL, "sound", "gone", "rotten", "moved", "lied")
		other.offer(up.URL, "afar")
		spoil := func() {
			w.damage("gone", "")
			w.damage("rotten", "rotter")
			w.damage("lonely", "")
			w.damage("moved", "")
			w.damage("lied", "")
			w.damage("afar", "")
		}
		for _, c := range []struct {
			path, body, want, left string
		}{
			{s.repo + "versions/1/repair/", `{}`, "repair.missing=4 repair.corrupted=1 repair.repaired=2", "sound gone rotten - - - -"},
			{s.repo + "versions/1/repair/", `{"verify_checksums":false}`, "repair.missing=4 repair.corrupted=0 repair.repaired=1", "sound gone rotter - - - -"},
			{s.repo + "versions/0/repair/", `{}`, "repair.missing=0 repair.corrupted=0 repair.repaired=0", "sound - rotter - - - -"},
			{"repair/", `{"verify_checksums":true}`, "repair.missing=5 repair.corrupted=1 repair.repaired=3", "sound gone rotten - - - afar"},
		} {
			spoil()
			row := w.completed(w.do("POST", c.path, "application/json", strings.NewReader(c.body)))
			if got := w.counted(row); got != c.want || len(row.Result) > 0 && string(row.Result) != "null" {
				t.Errorf("%s %s: %s with result %s, want %s", c.path, c.body, got, row.Result, c.want)
			}
			var left []string
			for _, text := range []string{"sound", "gone", "rotten", "lonely", "moved", "lied", "afar"} {
				left = append(left, w.stored(text))
			}
			if got := strings.Join(left, " "); got != c.left {
				t.Errorf("%s %s left %s, want %s", c.path, c.body, got, c.left)
			}
		}
		if a, err := w.post("repair/", map[string]any{"verify_checksums": "maybe", "other": 1}); err != nil || a.status != 400 || a.body["verify_checksums"] == nil || a.body["other"] == nil {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
	})
}

// One file that many units share is counted once.
func TestRepairCountsSharedFilesOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		hrefs := []string{}
		for i := range 5 {
			hrefs = append(hrefs, w.made(w.form("content/test/units/upload/", "shared", map[string]string{"relative_path": fmt.Sprint(i)})).get("pulp_href"))
		}
		w.completed(w.post(repo+"modify/", map[string]any{"add_content_units": hrefs}))
		w.damage("shared", "")
		row := w.completed(w.post(repo+"versions/1/repair/", map[string]any{}))
		if got := w.counted(row); got != "repair.missing=1 repair.corrupted=0 repair.repaired=0" {
			t.Error(got)
		}
	})
}

// A repair that hangs on an upstream ends when it is canceled, and what it was at stays as it was.
func TestARepairCanBeCanceled(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		up := upstream.New(t)
		s := w.shelve("r", "stalled")
		up.Set("/stalled", []byte("stalled"))
		up.Always("/stalled", upstream.Stall(3))
		s.offer(up.URL, "stalled")
		w.damage("stalled", "stall")
		a, err := w.post("repair/", map[string]any{})
		must(t, err)
		<-up.Stalled()
		_, err = w.tasks.Cancel(t.Context(), idOf(a.get("task")))
		must(t, err)
		row, err := w.finished(a, nil)
		must(t, err)
		if row.State != task.Canceled || w.stored("stalled") != "stall" {
			t.Errorf("%s, left %q", row.State, w.stored("stalled"))
		}
	})
}
