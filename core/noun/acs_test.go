package noun_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

const alternateTables = `
CREATE TABLE test_remotes (id {{uuid}} PRIMARY KEY REFERENCES core_remotes (id) ON DELETE CASCADE, domain_id {{uuid}} NOT NULL);

CREATE TABLE test_sources (id {{uuid}} PRIMARY KEY REFERENCES core_alternate_content_sources (id) ON DELETE CASCADE, domain_id {{uuid}} NOT NULL);
`

// refresh looks at one path: "hold" lasts until it is canceled, "fail" fails.
type refresh struct{ noun.Refresh }

func (refresh) Kind() string { return "test.refresh" }

func refreshHandlers(*resource.Env) []task.Handler {
	return []task.Handler{task.Handle(func(ctx context.Context, run *task.Run, r refresh) (any, error) {
		switch r.Path {
		case "hold":
			<-ctx.Done()
			return nil, ctx.Err()
		case "fail":
			return nil, errs.New(errs.Invalid, "there is nothing at %s%s", r.URL, r.Path)
		}
		if err := noun.PathRefreshed(ctx, run); err != nil {
			return nil, err
		}
		return nil, run.InTx(ctx, func(tx *db.Tx) error { return noun.Refreshed(tx, r.ACS) })
	})}
}

// alternates are a type of remotes and one of sources that keep what they find in repositories.
func alternates(repositories noun.Hider) []resource.Mountable {
	return []resource.Mountable{
		noun.RemoteKind[model.Remote]{
			Kind: noun.Kind{Path: "remotes/test/test", Type: "test.test", Component: "test.TestRemote", Table: "test_remotes", Doc: "A remote."},
			Row:  func(r *model.Remote) *model.Remote { return r }, Policies: []model.Policy{model.OnDemand, model.Immediate},
		},
		noun.ACSKind[noun.ACS]{
			Kind: noun.Kind{Path: "acs/test/test", Type: "test.test", Component: "test.TestAlternateContentSource", Table: "test_sources", Doc: "A source."},
			Row:  func(a *noun.ACS) *noun.ACS { return a }, Remotes: []string{"test.testremote"}, Repositories: repositories,
			Refresh: func(r noun.Refresh) task.Args { return refresh{r} },
		},
	}
}

// gives gives a user a role of his own with permissions: everywhere, or on an object.
func (w *world) gives(user string, o auth.Object, permissions ...string) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		var found auth.User
		if err := tx.Where("username = ?", user).Take(&found).Error; err != nil {
			return err
		}
		role := auth.Role{Name: "test." + ident.New(), Permissions: permissions}
		if err := auth.SaveRole(tx, &role); err != nil {
			return err
		}
		a := auth.Assignment{UserID: &found.ID, RoleID: role.ID}
		if key := o.Key(); o.ID != "" {
			a.Model, a.ObjectID = &o.Model, &key
		}
		if err := auth.Assign(tx, a); err != nil {
			return err
		}
		return auth.Changed(tx)
	}))
}

// source makes a remote and a source with paths.
func (w *world) source(name string, paths ...string) (remote, source answer) {
	w.t.Helper()
	remote = w.made(w.post("remotes/test/test/", map[string]any{"name": name, "url": "http://a.example/"}))
	return remote, w.made(w.post("acs/test/test/", map[string]any{"name": name, "remote": remote.get("prn"), "paths": paths}))
}

// refreshed begins a refresh and gives the href of its group.
func (w *world) refreshed(source answer) string {
	w.t.Helper()
	a, err := w.post(source.get("pulp_href")+"refresh/", map[string]any{})
	must(w.t, err)
	if a.status != 202 || len(a.body) != 1 {
		w.t.Fatalf("refresh answered %d %s", a.status, a.text)
	}
	return a.get("task_group")
}

// until reads an object until a member is as wanted.
func (w *world) until(href, member, want string) answer {
	w.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		a, err := w.do("GET", href, "application/json", strings.NewReader(""))
		must(w.t, err)
		if a.get(member) == want {
			return a
		}
		select {
		case <-again.C:
		case <-w.t.Context().Done():
			w.t.Fatalf("%s never was %s: %s", member, want, a.text)
		}
	}
}

// hidden are the repositories that sources keep.
func (w *world) hidden() []model.Repository {
	w.t.Helper()
	var rows []model.Repository
	must(w.t, w.db.Read(w.t.Context()).Where("user_hidden").Order("id").Find(&rows).Error)
	return rows
}

func TestASourceKeepsARepositoryForEachPath(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		remote, source := w.source("s", "a", "b", "fail")
		group := w.until(w.refreshed(source), "completed", "2")
		group = w.until(group.get("pulp_href"), "failed", "1")
		if got := group.get("description"); got != "Refreshing 3 alternate content source paths." {
			t.Errorf("the group says %q", got)
		}
		if got := fmt.Sprint(group.body["group_progress_reports"]); got != "[map[code:acs.refreshed.paths done:2 estimated_end:<nil> message:Paths Refreshed rate:<nil> suffix:<nil> total:3]]" {
			t.Errorf("the group counts %s", got)
		}
		before := w.hidden()
		if len(before) != 3 || before[0].RetainRepoVersions == nil || *before[0].RetainRepoVersions != 1 || !strings.HasPrefix(before[0].Name, "s--") || !strings.HasSuffix(before[0].Name, "--repository") {
			t.Fatalf("the source keeps %+v", before)
		}
		if now := w.until(source.get("pulp_href"), "name", "s"); now.body["last_refreshed"] == nil {
			t.Errorf("last_refreshed is not told: %s", now.text)
		}
		w.until(w.refreshed(source), "completed", "2")
		if after := w.hidden(); fmt.Sprint(ids(after)) != fmt.Sprint(ids(before)) {
			t.Errorf("a second refresh keeps %v beside %v", ids(after), ids(before))
		}
		for _, list := range []string{"repositories/", "repositories/test/test/"} {
			w.until(list, "count", "0")
		}
		w.completed(w.send("PATCH", source.get("pulp_href"), map[string]any{"paths": []string{"b", "c"}, "last_refreshed": nil}))
		if after := w.hidden(); len(after) != 1 || after[0].ID != before[1].ID {
			t.Errorf("after a path went the source keeps %v of %v", ids(after), ids(before))
		}
		w.mark(remote)
		row := w.completed(w.do("DELETE", source.get("pulp_href"), "application/json", strings.NewReader("")))
		if row.Name != "pulpcore.app.tasks.base.general_multi_delete" || len(w.hidden()) != 0 {
			t.Errorf("after %s the source still keeps %v", row.Name, ids(w.hidden()))
		}
		var marked int64
		must(t, w.db.Read(t.Context()).Model(&model.RemoteArtifact{}).Where("alternate").Count(&marked).Error)
		if marked != 0 {
			t.Error("what was found at a source that is gone is still an alternative")
		}
	})
}

// mark notes a file of a unit as found by a source.
func (w *world) mark(remote answer) {
	w.t.Helper()
	unit := w.made(w.form("content/test/units/upload/", "text", map[string]string{"relative_path": "x"}))
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		return tx.Create(&model.RemoteArtifact{ContentID: idOf(unit.get("pulp_href")), RelativePath: "x", RemoteID: idOf(remote.get("pulp_href")), URL: "http://a.example/x", Alternate: true}).Error
	}))
}

func ids(rows []model.Repository) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func TestRefreshesAtOnceKeepOneRepository(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, source := w.source("s")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if a, err := w.post(source.get("pulp_href")+"refresh/", map[string]any{}); err != nil || a.status != 202 {
					t.Errorf("refresh answered %d %s, %v", a.status, a.text, err)
				}
			})
		}
		all.Wait()
		w.until("tasks/?name=test.refresh&state=completed", "count", "4")
		if kept := w.hidden(); len(kept) != 1 {
			t.Errorf("the source keeps %v", ids(kept))
		}
	})
}

func TestAGroupIsCanceledAsAWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, source := w.source("s", "hold")
		first := w.until(w.refreshed(source), "running", "1").get("pulp_href")
		second := w.until(w.refreshed(source), "waiting", "1").get("pulp_href")
		helper := *w
		helper.user = "helper"
		cancel := map[string]any{"state": "canceled"}
		member := func(group string) auth.Object {
			var id string
			must(t, w.db.Read(t.Context()).Model(&task.Row{}).Where("task_group_id = ?", idOf(group)).Pluck("id", &id).Error)
			return auth.Object{Model: "core.task", ID: id}
		}
		if a, err := helper.send("PATCH", second, cancel); err != nil || a.status != 404 {
			t.Errorf("who sees no task of a group: %d %s, %v", a.status, a.text, err)
		}
		w.gives("helper", auth.Object{}, "core.view_task")
		w.gives("helper", member(second), "core.change_task")
		if a, err := helper.send("PATCH", first, cancel); err != nil || a.status != 403 {
			t.Errorf("who may not change a task cancels its group: %d %s, %v", a.status, a.text, err)
		}
		w.until(first, "running", "1")
		if a, err := helper.send("PATCH", second, cancel); err != nil || a.status != 200 || a.get("canceled") != "1" || a.get("all_tasks_dispatched") != "true" {
			t.Errorf("the waiting group: %d %s, %v", a.status, a.text, err)
		}
		if a, err := w.send("PATCH", first, cancel); err != nil || a.status != 200 || a.get("waiting") != "0" || a.get("running") != "0" {
			t.Errorf("the running group: %d %s, %v", a.status, a.text, err)
		}
		w.until(first, "canceled", "1")
	})
}

func TestARemoteGoesWithWhatItTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		remote, source := w.source("s")
		w.mark(remote)
		href := remote.get("pulp_href")
		if a, err := w.do("DELETE", href, "application/json", strings.NewReader("")); err != nil || a.status != 409 || !strings.Contains(a.text, `\"s\"`) {
			t.Errorf("a remote in use: %d %s, %v", a.status, a.text, err)
		}
		w.completed(w.do("DELETE", source.get("pulp_href"), "application/json", strings.NewReader("")))
		w.completed(w.do("DELETE", href, "application/json", strings.NewReader("")))
		var left int64
		must(t, w.db.Read(t.Context()).Model(&model.RemoteArtifact{}).Count(&left).Error)
		if left != 0 {
			t.Error("places of a remote that is gone are still there")
		}
	})
}

// TestNoRepositoryKeepsADeletedRemote gives a remote to repositories while it is being deleted.
func TestNoRepositoryKeepsADeletedRemote(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for round := range 5 {
			remote := w.made(w.post("remotes/test/test/", map[string]any{"name": fmt.Sprint(round), "url": "http://a.example/"})).get("pulp_href")
			repo := w.made(w.post("repositories/test/test/", map[string]any{"name": fmt.Sprint("r", round)})).get("pulp_href")
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := w.finished(w.do("DELETE", remote, "application/json", strings.NewReader(""))); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				a, err := w.send("PATCH", repo, map[string]any{"remote": remote})
				if err == nil && a.status != 400 {
					_, err = w.finished(a, nil)
				}
				if err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if a, err := w.post("repositories/test/test/", map[string]any{"name": fmt.Sprint("n", round), "remote": remote}); err != nil || a.status != 201 && a.status != 400 {
					t.Errorf("%d %s, %v", a.status, a.text, err)
				}
			})
			all.Wait()
		}
		var lost int64
		must(t, w.db.Read(t.Context()).Raw("SELECT count(*) FROM core_repositories r WHERE r.remote_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM core_remotes m WHERE m.id = r.remote_id)").Scan(&lost).Error)
		if lost != 0 {
			t.Errorf("%d repositories refer to remotes that are gone", lost)
		}
	})
}
