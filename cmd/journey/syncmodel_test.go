package journey_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/ident"
)

// TestSyncsOverTheAPIAreWhatAModelSays: after any series of syncs, changes and roll-backs, each version has what a plain
// map says, and the last one serves it.
func TestSyncsOverTheAPIAreWhatAModelSays(t *testing.T) {
	t.Parallel()
	onEachThatPulls(t, func(t *testing.T, w *world) {
		const checks, steps = 8, 5 // of the 100 that rapid makes: each is many requests
		base, passed := w.pulls(t, "on_demand", ""), 0
		base.remote("now", manifest, `"policy":"immediate"`)
		rapid.Check(t, func(rt *rapid.T) {
			if passed >= checks {
				return
			}
			m := newModelled(base)
			defer func() {
				if t.Failed() {
					t.Logf("after %v", m.story)
				}
			}()
			m.sync(rt)
			for range rapid.IntRange(1, steps).Draw(rt, "steps") {
				switch rapid.SampledFrom([]string{"sync", "again", "change", "roll back"}).Draw(rt, "step") {
				case "sync":
					m.sync(rt)
				case "again":
					m.again(rt)
				case "change":
					m.change(rt)
				case "roll back":
					m.rollBack(rt)
				}
			}
			for n, held := range m.history {
				m.holds(fmt.Sprintf("{repo}versions/%d/", n), flat(held)...)
			}
			passed++
		})
	})
}

// modelled is a repository and what it must have: paths and names of texts, version by version.
type modelled struct {
	*pull
	history []map[string]string
	// listed is what the manifest has.
	listed map[string]string
	// story is what was done so far, for people.
	story []string
}

// newModelled makes an empty repository beside that of a pull.
func newModelled(base *pull) *modelled {
	one := *base
	one.vars = maps.Clone(base.vars)
	m := &modelled{pull: &one, history: []map[string]string{{}}}
	m.step(step{do: "POST " + repos, body: `{"name":"` + ident.New() + `"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}})
	return m
}

func (m *modelled) now() map[string]string { return m.history[len(m.history)-1] }

// note remembers what the newest version must have; made wishes for the task that made it, or none.
func (m *modelled) note(next map[string]string) (made string) {
	if maps.Equal(next, m.now()) {
		return `created_resources = []`
	}
	m.history = append(m.history, next)
	return fmt.Sprintf(`created_resources.0 = "{repo}versions/%d/"`, len(m.history)-1)
}

func (m *modelled) sync(rt *rapid.T) {
	paths, texts := []string{"a", "b", "c/d", "c/e"}, []string{"one", "two"}
	var pairs []string
	m.listed = map[string]string{}
	for range rapid.IntRange(0, 5).Draw(rt, "lines") {
		path, text := rapid.SampledFrom(paths).Draw(rt, "path"), rapid.SampledFrom(texts).Draw(rt, "text")
		if _, again := m.listed[path]; again {
			continue // the upstream has one file at a path
		}
		pairs, m.listed[path] = append(pairs, path, text), text
	}
	m.has(pairs...)
	m.again(rt)
}

// again syncs from the upstream as it is.
func (m *modelled) again(rt *rapid.T) {
	mirror, remote := rapid.Bool().Draw(rt, "mirror"), rapid.SampledFrom([]string{"remote", "now"}).Draw(rt, "remote")
	next := maps.Clone(m.now())
	if mirror {
		next = map[string]string{}
	}
	maps.Copy(next, m.listed)
	body := fmt.Sprintf(`{"remote":"{%s}","mirror":%v,"optimize":%v}`, remote, mirror, rapid.Bool().Draw(rt, "optimize"))
	m.story = append(m.story, fmt.Sprintf("sync %s of %v", body, m.listed))
	m.pull.sync(body, "completed", m.note(next))
	m.holds("{repo}", flat(m.now())...)
}

// change adds and removes units by their hrefs.
func (m *modelled) change(rt *rapid.T) {
	if len(m.now()) == 0 {
		return
	}
	next := maps.Clone(m.now())
	path := rapid.SampledFrom(slices.Sorted(maps.Keys(next))).Draw(rt, "path")
	m.step(step{do: "GET " + files + "?repository_version={repo}&relative_path=" + path, status: http.StatusOK, want: []string{`count = 1`}, keep: map[string]string{"unit": "results.0.pulp_href"}})
	delete(next, path)
	m.modify(`{"remove_content_units":["{unit}"]}`, next)
	if rapid.Bool().Draw(rt, "back again") {
		next = maps.Clone(next)
		next[path] = m.history[len(m.history)-2][path]
		m.modify(`{"add_content_units":["{unit}"]}`, next)
	}
}

func (m *modelled) rollBack(rt *rapid.T) {
	n := rapid.IntRange(0, len(m.history)-1).Draw(rt, "version")
	m.modify(fmt.Sprintf(`{"base_version":"{repo}versions/%d/"}`, n), maps.Clone(m.history[n]))
}

func (m *modelled) modify(body string, next map[string]string) {
	m.t.Helper()
	m.story = append(m.story, "modify "+body)
	m.step(step{do: "POST {repo}modify/", body: body, status: 202, task: "completed", want: []string{m.note(next)}})
	m.holds("{repo}", flat(m.now())...)
}

// flat is a map as paths and texts in turn.
func flat(m map[string]string) (pairs []string) {
	for path, text := range m {
		pairs = append(pairs, path, text)
	}
	return pairs
}
