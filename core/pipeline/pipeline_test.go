package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// What is fetched at once is here afterwards, what is not is only known; each becomes a member, and what was a member
// and is gone from the upstream stays, or goes when the upstream is mirrored.
func TestUpstreamsComeIn(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, policy := range []model.Policy{model.Immediate, model.OnDemand, model.Streamed} {
			t.Run(string(policy), func(t *testing.T) {
				repo, from, name := w.repository(), w.remote(policy), string(policy)+"/"
				a, b := name+"a", name+"b"
				v, err := w.sync(job{repo: repo, remote: from, units: []pipeline.Unit{w.put(a, "one "+name), w.put(b, "two "+name)}})
				must(t, err)
				if v == nil || v.Number != 1 {
					t.Fatalf("made %+v", v)
				}
				w.holds(repo, map[string]string{a: "one " + name, b: "two " + name})
				want := ""
				if policy == model.Immediate {
					want = "one " + name
				}
				if got := w.stored(repo, a); got != want {
					t.Errorf("%s holds %q, want %q", a, got, want)
				}
				if v, err := w.sync(job{repo: repo, remote: from, units: []pipeline.Unit{w.file(a, "one "+name), w.file(b, "two "+name)}}); err != nil || v != nil {
					t.Errorf("again: %+v, %v", v, err)
				}
				v, err = w.sync(job{repo: repo, remote: from, units: []pipeline.Unit{w.put(a, "three "+name)}})
				must(t, err)
				w.holds(repo, map[string]string{a: "three " + name, b: "two " + name})
				if v.Number != 2 {
					t.Errorf("made version %d", v.Number)
				}
				_, err = w.sync(job{repo: repo, remote: from, mirror: true, units: []pipeline.Unit{w.put(b, "two "+name)}})
				must(t, err)
				w.holds(repo, map[string]string{b: "two " + name})
			})
		}
		if n := w.count("core_staged_contents"); n != 0 {
			t.Errorf("%d units are still staged", n)
		}
	})
}

// After any syncs, modifications and roll-backs, a version holds what a plain map says.
func TestSyncsAreWhatAModelSays(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		from := []*model.Remote{w.remote(model.Immediate), w.remote(model.OnDemand)}
		paths, texts := []string{"a", "b", "c/d", "c/e", "f"}, []string{"x", "y", "z"}
		for _, path := range paths {
			for _, text := range texts {
				w.up.Set("/"+path+"/"+text, []byte(text))
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			repo, history := w.repository(), []map[string]string{{}}
			var versions []*model.RepositoryVersion
			note := func(v *model.RepositoryVersion, now map[string]string) {
				if changed := !maps.Equal(now, history[len(history)-1]); changed != (v != nil) {
					rt.Fatalf("made %+v, changed is %v", v, changed)
				}
				if v != nil {
					history, versions = append(history, now), append(versions, v)
				}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"sync": func(rt *rapid.T) {
					j := job{repo: repo, remote: rapid.SampledFrom(from).Draw(rt, "remote"), mirror: rapid.Bool().Draw(rt, "mirror")}
					now := map[string]string{}
					if !j.mirror {
						now = maps.Clone(history[len(history)-1])
					}
					for range rapid.IntRange(0, 6).Draw(rt, "units") {
						path, text := rapid.SampledFrom(paths).Draw(rt, "path"), rapid.SampledFrom(texts).Draw(rt, "text")
						u := w.file(path, text)
						u.Files[0].URL += "/" + text
						j.units, now[path] = append(j.units, u), text
					}
					v, err := w.sync(j)
					if err != nil {
						rt.Fatal(err)
					}
					note(v, now)
				},
				"remove": func(rt *rapid.T) {
					now := maps.Clone(history[len(history)-1])
					path := rapid.SampledFrom(paths).Draw(rt, "path")
					delete(now, path)
					var ids []string
					must(t, w.Read(t.Context()).Raw("SELECT content_id FROM core_repository_contents WHERE repository_id = ? AND repo_key = ? AND version_removed IS NULL", repo, path).Scan(&ids).Error)
					v, err := w.commit(repo, repository.Delta{Remove: ids})
					if err != nil {
						rt.Fatal(err)
					}
					note(v, now)
				},
				"roll back": func(rt *rapid.T) {
					if len(versions) == 0 {
						rt.Skip("there is nothing to roll back to yet") // rapid's way to draw another step
					}
					n := rapid.IntRange(0, len(versions)-1).Draw(rt, "version")
					v, err := w.commit(repo, repository.Delta{Base: versions[n]})
					if err != nil {
						rt.Fatal(err)
					}
					note(v, maps.Clone(history[n+1]))
				},
				"": func(rt *rapid.T) { w.holds(repo, history[len(history)-1]) },
			})
		})
	})
}

func (w *world) commit(repo string, d repository.Delta) (v *model.RepositoryVersion, err error) {
	err = w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		v, err = w.Commit(tx, repo, d)
		return err
	})
	return v, err
}

// Of several units for one place the last one counts, in one batch and over batches, a member of before too.
func TestTheLastUnitOfAPlaceCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo, from := w.repository(), w.remote(model.OnDemand)
		_, err := w.sync(job{repo: repo, remote: from, units: []pipeline.Unit{w.file("a", "old"), w.file("a", "new"), w.file("a", "new")}})
		must(t, err)
		w.holds(repo, map[string]string{"a": "new"})
		many := []pipeline.Unit{w.file("a", "newer")}
		want := map[string]string{"a": "new"}
		for i := range 2500 {
			path := fmt.Sprintf("more/%d", i)
			many, want[path] = append(many, w.file(path, "x")), "x"
		}
		_, err = w.sync(job{repo: repo, remote: from, units: append(many, w.file("a", "new"))})
		must(t, err)
		w.holds(repo, want)
	})
}

// Bytes at hand become units under the digest that they turn out to have.
func TestBytesAtHand(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository()
		_, err := w.sync(job{repo: repo, units: []pipeline.Unit{atHand("a", "one"), atHand("b", "one"), atHand("b", "two")}})
		must(t, err)
		w.holds(repo, map[string]string{"a": "one", "b": "two"})
		if got := w.stored(repo, "b"); got != "two" || w.count("core_artifacts") != 2 || w.count("core_remote_artifacts") != 0 {
			t.Errorf("b holds %q; %d artifacts, %d places", got, w.count("core_artifacts"), w.count("core_remote_artifacts"))
		}
	})
}

// A unit whose digest nobody tells can be fetched at once, and not later.
func TestUnitsWithoutADigest(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		u := w.put("a", "one")
		u.Files[0].Digests = nil
		repo := w.repository()
		if _, err := w.sync(job{repo: repo, remote: w.remote(model.OnDemand), units: []pipeline.Unit{u, w.put("b", "two")}}); err == nil || !strings.HasPrefix(err.Error(), "[PLP0019]") {
			t.Errorf("on_demand: %v", err)
		}
		_, err := w.sync(job{repo: repo, remote: w.remote(model.Immediate), units: []pipeline.Unit{u}})
		must(t, err)
		w.holds(repo, map[string]string{"a": "one"})
	})
}

// A file that cannot be had is told with its path, its URL and why; nothing is half visible, and the next sync fetches
// only what is missing.
func TestOneFileThatCannotBeHad(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo, from := w.repository(), w.remote(model.Immediate)
		units := []pipeline.Unit{w.put("a", "one"), w.put("b", "two"), w.put("c", "three")}
		w.up.Always("/b", upstream.Wrong())
		w.up.Always("/c", upstream.Status(404))
		_, err := w.sync(job{repo: repo, remote: from, units: units})
		for _, part := range []string{"2 files", "b: ", "c: ", w.up.URL + "/b", w.up.URL + "/c", digest("two"), "404"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("the error lacks %q: %v", part, err)
			}
		}
		w.holds(repo, map[string]string{})
		if w.count("core_artifacts") != 1 {
			t.Errorf("%d artifacts are kept", w.count("core_artifacts"))
		}
		w.up.Always("/b", nil)
		w.up.Always("/c", nil)
		_, err = w.sync(job{repo: repo, remote: from, units: units})
		must(t, err)
		w.holds(repo, map[string]string{"a": "one", "b": "two", "c": "three"})
		if n := w.up.Count("/a"); n != 1 {
			t.Errorf("a was fetched %d times", n)
		}
	})
}

// An upstream that has nothing of what it lists is given up early.
func TestAnUpstreamThatHasNothingIsGivenUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var units []pipeline.Unit
		for i := range 3000 {
			units = append(units, w.file(fmt.Sprint(i), "x"))
		}
		_, err := w.sync(job{repo: w.repository(), remote: w.remote(model.Immediate), units: units})
		if err == nil || !strings.Contains(err.Error(), "at least 10") || !strings.HasPrefix(err.Error(), "[PLP0025]") || w.up.Total() > 300 {
			t.Errorf("after %d requests: %v", w.up.Total(), err)
		}
	})
}

// A canceled sync ends while the upstream says nothing, and nothing of it shows.
func TestACanceledSyncEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo, from := w.repository(), w.remote(model.Immediate)
		units := []pipeline.Unit{w.put("a", "one"), w.put("b", "two")}
		w.up.Always("/b", upstream.Stall(1))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		run := w.run()
		go func() {
			_, err := w.syncBy(ctx, run, job{repo: repo, remote: from, units: units})
			ended <- err
		}()
		<-w.up.Stalled()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) && !errs.Is(err, errs.Canceled) {
			t.Errorf("ended with %v", err)
		}
		w.holds(repo, map[string]string{})
	})
}

// Syncs of the same units into several repositories at once make each unit once.
func TestSyncsSideBySideShareUnits(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const many, syncs = 1500, 4
		var units []pipeline.Unit
		want := map[string]string{}
		for i := range many {
			path := fmt.Sprintf("d%d/%d", i%7, i)
			units, want[path] = append(units, w.file(path, "x")), "x"
		}
		var repos []string
		var wait sync.WaitGroup
		for range syncs {
			repo, from, run := w.repository(), w.remote(model.OnDemand), w.run()
			repos = append(repos, repo)
			wait.Go(func() {
				if _, err := w.syncBy(t.Context(), run, job{repo: repo, remote: from, units: units}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for _, repo := range repos {
			w.holds(repo, want)
		}
		if contents, places := w.count("core_contents"), w.count("core_remote_artifacts"); contents != many || places != many*syncs {
			t.Errorf("%d units at %d places", contents, places)
		}
	})
}

// However much the upstream lists, only a few batches are on their way when storing comes to a halt.
func TestTheUpstreamWaitsForTheDatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run, repo, from := w.run(), w.repository(), w.remote(model.OnDemand)
		locked, unlock := make(chan struct{}), make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			w.tx(func(tx *db.Tx) error {
				if err := tx.Exec("UPDATE core_tasks SET state = state WHERE id = ?", run.ID).Error; err != nil {
					return err
				}
				close(locked)
				<-unlock
				return nil
			})
		})
		<-locked
		const bound, all = 12_000, 16_000
		emitted := 0
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("more is on its way than may be")
		wait.Go(func() {
			defer close(unlock)
			<-ctx.Done()
		})
		_, err := pipeline.Run(t.Context(), pipeline.Options{Run: run, Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: from, Kind: kind, RepositoryID: repo,
			KindPath: "repositories/test/test"}, func(_ context.Context, emit func(pipeline.Unit) error) error {
			defer cancel(nil)
			for ; emitted < all; emitted++ {
				if emitted == bound/2 { // far more than a batch is through by now, were there no end to it
					cancel(nil)
				}
				if emitted == bound && ctx.Err() == nil {
					return enough
				}
				if err := emit(w.file(fmt.Sprint(emitted), "x")); err != nil {
					return err
				}
			}
			return nil
		})
		wait.Wait()
		must(t, err)
		if got := len(w.content(repo)); got != all {
			t.Errorf("%d units came in", got)
		}
	})
}

// Alternate content sources are asked first, and what they get wrong comes from the remote.
func TestAlternatePlacesComeFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		near, hidden := w.remote(model.OnDemand), w.repository()
		w.put("near/a", "one")
		w.put("near/b", "not two")
		var listed []pipeline.Unit
		for path, text := range map[string]string{"a": "one", "b": "two"} {
			u := w.file("near/"+path, text)
			u.Row.(*row).path, u.Files[0].RelativePath = "x"+path, "x"+path
			listed = append(listed, u)
		}
		_, err := pipeline.Run(t.Context(), pipeline.Options{Run: w.run(), Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: near, Kind: kind, RepositoryID: hidden,
			KindPath: "repositories/test/test", Alternate: true}, func(_ context.Context, emit func(pipeline.Unit) error) error {
			return errors.Join(emit(listed[0]), emit(listed[1]))
		})
		must(t, err)
		repo := w.repository()
		_, err = w.sync(job{repo: repo, remote: w.remote(model.Immediate), units: []pipeline.Unit{w.put("a", "one"), w.put("b", "two")}})
		must(t, err)
		if w.stored(repo, "a") != "one" || w.stored(repo, "b") != "two" || w.up.Count("/a") != 0 || w.up.Count("/near/a") != 1 || w.up.Count("/b") != 1 {
			t.Errorf("a is %q, b is %q; asked %d %d %d", w.stored(repo, "a"), w.stored(repo, "b"), w.up.Count("/a"), w.up.Count("/near/a"), w.up.Count("/b"))
		}
	})
}

// Progress tells what was found and what came, and is complete at the end.
func TestProgressOfASync(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.run()
		_, err := w.syncBy(t.Context(), run, job{repo: w.repository(), remote: w.remote(model.Immediate), units: []pipeline.Unit{w.put("a", "one"), w.put("b", "two")}})
		must(t, err)
		must(t, run.Close(t.Context()))
		var reports []task.ProgressReport
		must(t, w.Read(t.Context()).Where("task_id = ?", run.ID).Order("id").Find(&reports).Error)
		got := ""
		for _, r := range reports {
			got += fmt.Sprintf("%s %d/%d ", r.Code, r.Done, *r.Total)
		}
		if want := "sync.downloading.artifacts 2/2 associating.content 2/2 "; got != want {
			t.Errorf("reports are %q, want %q", got, want)
		}
	})
}
