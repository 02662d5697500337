package noun_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
)

// unit makes a unit of a text.
func (w *world) unit(text string) string {
	w.t.Helper()
	return w.made(w.form("content/test/units/upload/", text, map[string]string{"relative_path": text})).get("pulp_href")
}

// aged sets back when all rows of a table were last wanted.
func (w *world) aged(table string, hours int, ids ...string) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		return tx.Table(table).Where("id IN ?", ids).Update("timestamp_of_interest", model.Now().Add(-time.Duration(hours)*time.Hour)).Error
	}))
}

// artifactOf is the identity of a text's artifact.
func (w *world) artifactOf(text string) string {
	w.t.Helper()
	var ids []string
	must(w.t, w.db.Read(w.t.Context()).Model(&model.Artifact{}).Where("sha256 = ?", sha256Hex(text)).Pluck("id", &ids).Error)
	if len(ids) != 1 {
		w.t.Fatalf("%d artifacts of %q", len(ids), text)
	}
	return ids[0]
}

// left are the texts whose units, artifacts and bytes are there: u, a, b.
func (w *world) left(texts ...string) string {
	w.t.Helper()
	var parts []string
	for _, text := range texts {
		what := ""
		for _, look := range []struct{ mark, table, column, value string }{{"u", "test_units", "relative_path", text}, {"a", "core_artifacts", "sha256", sha256Hex(text)}} {
			var n int64
			must(w.t, w.db.Read(w.t.Context()).Table(look.table).Where(look.column+" = ?", look.value).Count(&n).Error)
			if n > 0 {
				what += look.mark
			}
		}
		if w.stored(text) == text {
			what += "b"
		}
		parts = append(parts, text+":"+what)
	}
	return strings.Join(parts, " ")
}

func TestOrphansGoAndNothingElse(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.shelve("r", "member", "former")
		w.completed(w.post(s.repo+"modify/", map[string]any{"remove_content_units": []string{s.units["former"]}}))
		old, staged, shared := w.unit("old"), w.unit("staged"), w.unit("shared")
		w.unit("fresh")
		w.made(w.form("artifacts/", "loose", nil))
		w.made(w.form("artifacts/", "wanted back", nil))
		w.made(w.form("artifacts/", "published", nil))
		all := []string{"member", "former", "old", "fresh", "staged", "shared", "loose", "wanted back", "published"}
		w.referTo(s, staged, shared)
		units := []string{idOf(s.units["member"]), idOf(s.units["former"]), idOf(old), idOf(staged), idOf(shared)}
		w.aged("core_contents", 2, units...)
		var files []string
		for _, text := range all {
			if text != "fresh" {
				files = append(files, w.artifactOf(text))
			}
		}
		w.aged("core_artifacts", 2, files...)
		row := w.completed(w.post("orphans/cleanup/", map[string]any{"orphan_protection_time": 60}))
		// old goes, with its artifact; so does the loose artifact.
		if got := w.counted(row); got != "clean-up.content=1 clean-up.artifacts=2" || len(row.Result) > 0 && string(row.Result) != "null" {
			t.Errorf("%s, result %s", got, row.Result)
		}
		const want = "member:uab former:uab old: fresh:uab staged:uab shared:uab loose: wanted back:ab published:ab"
		if got := w.left(all...); got != want {
			t.Errorf("left %s\nwant %s", got, want)
		}
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
			return errors.Join(tx.Exec("DELETE FROM core_staged_contents").Error, tx.Exec("UPDATE core_artifacts SET reclaim_after = NULL").Error)
		}))
		again, err := w.send("DELETE", "orphans/", nil)
		row = w.completed(again, err) // without protection, which is the default here
		if got := w.left(all...); got != "member:uab former:uab old: fresh: staged: shared:uab loose: wanted back: published:ab" {
			t.Errorf("%s, left %s", w.counted(row), got)
		}
		for _, report := range []string{"clean-up.content=2", "clean-up.artifacts=3"} {
			if got := w.counted(row); !strings.Contains(got, report) {
				t.Errorf("%s lacks %s", got, report)
			}
		}
	})
}

// referTo makes what refers to units and artifacts beside versions: a publication, a sync under way, a grace.
func (w *world) referTo(s *shelf, staged, shared string) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		var v model.RepositoryVersion
		if err := tx.Where("repository_id = ? AND number = 1", idOf(s.repo)).Take(&v).Error; err != nil {
			return err
		}
		p := &model.Publication{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", RepositoryID: v.RepositoryID, RepositoryVersionID: v.ID, VersionNumber: 1, Complete: true}
		published, content, path := w.artifactOf("published"), idOf(shared), "shared"
		var running task.Row
		if err := tx.Order("seq").Limit(1).Take(&running).Error; err != nil {
			return err
		}
		return errors.Join(tx.Create(p).Error,
			tx.Create(&model.PublishedArtifact{PublicationID: p.ID, RelativePath: "list", ArtifactID: &published, AddedAt: model.Now()}).Error,
			tx.Create(&model.PublishedArtifact{PublicationID: p.ID, RelativePath: "shared", ContentID: &content, ContentPath: &path, AddedAt: model.Now()}).Error,
			tx.Exec("INSERT INTO core_staged_contents (task_id, pulp_type, repo_key, content_id) VALUES (?, 'test.unit', 'staged', ?)", running.ID, idOf(staged)).Error,
			tx.Model(&model.Artifact{}).Where("id = ?", w.artifactOf("wanted back")).Update("reclaim_after", model.Now().Add(time.Hour)).Error)
	}))
}

func TestOnlyListedOrphansGo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.shelve("r", "member")
		first := w.unit("first")
		w.unit("second")
		row := w.completed(w.post("orphans/cleanup/", map[string]any{"content_hrefs": []string{first, s.units["member"]}, "orphan_protection_time": nil}))
		if got := w.left("member", "first", "second"); got != "member:uab first: second:uab" {
			t.Errorf("%s, left %s", w.counted(row), got)
		}
		for body, member := range map[string]string{
			`{"content_hrefs":[]}`: "content_hrefs", `{"content_hrefs":"x"}`: "content_hrefs", `{"content_hrefs":["` + first + `"]}`: "content_hrefs",
			`{"content_hrefs":["` + s.repo + `"]}`: "content_hrefs", `{"orphan_protection_time":-1}`: "orphan_protection_time",
			`{"orphan_protection_time":4294967296}`: "orphan_protection_time", `{"other":1}`: "other",
		} {
			if a, err := w.do("POST", "orphans/cleanup/", "application/json", strings.NewReader(body)); err != nil || a.status != 400 || a.body[member] == nil {
				t.Errorf("%s: %d %s, %v", body, a.status, a.text, err)
			}
		}
	})
}

// Bytes that a crash left go once they are old, and those of uploads that are still there do not.
func TestStrayBytesGo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.shelve("r", "kept")
		u := idOf(w.filled("an upload"))
		lost := ident.New()
		keys := map[string]bool{keyOf("kept"): true, keyOf("stray"): false, "upload/" + u: true, "upload/" + lost: false,
			"upload/chunks/" + lost + ".1": false, "upload/chunks/" + u + ".1": false, "artifact/other": true, "other/thing": true}
		for key := range keys {
			if _, err := w.store.Storage.Stat(t.Context(), key); err != nil {
				_, err := storage.Put(t.Context(), w.store.Storage, key, strings.NewReader("left"))
				must(t, err)
			}
		}
		young := []string{keyOf("young"), "upload/" + ident.New()}
		for _, key := range young {
			_, err := storage.Put(t.Context(), w.store.Storage, key, strings.NewReader("young"))
			must(t, err)
		}
		for key := range keys {
			file, err := w.store.Storage.(storage.Local).LocalPath(key)
			must(t, err)
			must(t, os.Chtimes(file, time.Time{}, time.Now().Add(-48*time.Hour)))
		}
		w.completed(w.post("orphans/cleanup/", map[string]any{}))
		for _, key := range young {
			keys[key] = true
		}
		for key, want := range keys {
			if _, err := w.store.Storage.Stat(t.Context(), key); (err == nil) != want {
				t.Errorf("%s: %v, should be there: %t", key, err, want)
			}
		}
	})
}

// While some store units and put them into repositories, others clean up with no protection at all: nothing that is
// referred to ever goes, and no row ever leads to bytes that are not there.
func TestCleanUpNeverTakesWhatIsReferredTo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		texts := []string{"red", "green", "blue"}
		done := make(chan struct{})
		var cleaners, workers sync.WaitGroup
		failures := make([]error, 8)
		for i := range 2 {
			cleaners.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					row, err := w.finished(w.post("orphans/cleanup/", map[string]any{"orphan_protection_time": 0}))
					if err == nil && row.State != task.Completed {
						err = fmt.Errorf("a clean-up is %s: %s", row.State, row.Error)
					}
					if err != nil {
						failures[i] = err
						return
					}
				}
			})
		}
		for i := 2; i < len(failures); i++ {
			workers.Go(func() { failures[i] = w.keepStoring(i, texts) })
		}
		workers.Wait()
		close(done)
		cleaners.Wait()
		must(t, errors.Join(failures...))
		w.allSound()
		var members []string
		must(t, w.db.Read(t.Context()).Raw("SELECT u.relative_path FROM core_repository_contents rc JOIN test_units u ON u.id = rc.content_id").Scan(&members).Error)
		if len(members) < len(texts) {
			t.Errorf("only %d members", len(members))
		}
		// What was stored in repositories is all there is after one more clean-up.
		w.completed(w.post("orphans/cleanup/", map[string]any{"orphan_protection_time": 0}))
		slices.Sort(members)
		if n := w.rows("test_units"); n != int64(len(slices.Compact(members))) {
			t.Errorf("%d units, %d of them in repositories", n, len(slices.Compact(members)))
		}
		w.allSound()
	})
}

// keepStoring puts units into a repository by all ways there are. To be told at once that something is gone is fair; once
// a task is accepted, what it needs stays.
func (w *world) keepStoring(i int, texts []string) error {
	repo, err := w.post("repositories/test/test/", map[string]any{"name": fmt.Sprint("r", i)})
	if err != nil {
		return err
	}
	href := repo.get("pulp_href")
	for round := range 8 {
		text := texts[(round+i)%len(texts)]
		if i%2 == 0 {
			row, err := w.finished(w.form("content/test/units/", text, map[string]string{"relative_path": text, "repository": href}))
			if err == nil && row.State != task.Completed && !strings.Contains(string(row.Error), "does not exist") {
				err = fmt.Errorf("a create is %s: %s", row.State, row.Error)
			}
			if err != nil {
				return err
			}
			continue
		}
		unit, err := w.form("content/test/units/upload/", text, map[string]string{"relative_path": text})
		if err != nil {
			return err
		}
		if unit.status == 404 {
			continue // made, and gone before it could be shown
		}
		if unit.status != 201 {
			return fmt.Errorf("an upload answered %d %s", unit.status, unit.text)
		}
		a, err := w.post(href+"modify/", map[string]any{"add_content_units": []string{unit.get("pulp_href")}})
		if err != nil || a.status == 400 {
			if err != nil {
				return err
			}
			continue
		}
		row, err := w.finished(a, nil)
		if err != nil || row.State != task.Completed {
			return fmt.Errorf("a modify: %w %s", err, row.Error)
		}
	}
	return nil
}

// allSound looks at every artifact and at every file of a member.
func (w *world) allSound() {
	w.t.Helper()
	w.allRows()
	var without int64
	must(w.t, w.db.Read(w.t.Context()).Raw(`SELECT count(*) FROM core_repository_contents rc LEFT JOIN core_content_artifacts ca ON ca.content_id = rc.content_id WHERE ca.artifact_id IS NULL`).Scan(&without).Error)
	if without > 0 {
		w.t.Errorf("%d members have no file", without)
	}
}

// allRows looks at the bytes of every artifact.
func (w *world) allRows() {
	w.t.Helper()
	var all []model.Artifact
	must(w.t, w.db.Read(w.t.Context()).Find(&all).Error)
	for i := range all {
		if state, err := w.store.Check(w.t.Context(), &all[i], true); err != nil || state != artifact.Sound {
			w.t.Errorf("the bytes of %s are %s, %v", all[i].SHA256, state, err)
		}
	}
}
