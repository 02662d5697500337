package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMergeOperators reads files over an overlay of the plugin and compares what comes out.
func TestMergeOperators(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files  []string
		names  []string
		labels map[string]string
		limit  int
	}{
		"overlay alone":      {nil, []string{"a", "b"}, map[string]string{"k": "plugin", "l": "plugin"}, 20},
		"list replaces":      {[]string{"names: [x]", "names: [y]"}, []string{"y"}, nil, 20},
		"append unique":      {[]string{"names+: [b, c]", "names+: [c, d]"}, []string{"a", "b", "c", "d"}, nil, 20},
		"remove":             {[]string{"names-: [a, never]"}, []string{"b"}, nil, 20},
		"append and remove":  {[]string{"names+: [c]\nnames-: [a]"}, []string{"b", "c"}, nil, 20},
		"map merges":         {[]string{"labels: {k: one, m: one}", "labels: {m: two}"}, nil, map[string]string{"k": "one", "l": "plugin", "m": "two"}, 20},
		"map replaces":       {[]string{"labels: {m: one}", "labels!: {n: two}"}, nil, map[string]string{"n": "two"}, 20},
		"map replaces empty": {[]string{"labels!: {}"}, nil, map[string]string{}, 20},
		"map removes":        {[]string{"labels-: [k]"}, nil, map[string]string{"l": "plugin"}, 20},
		"map resets":         {[]string{"labels!: {m: one}", "labels: ~"}, nil, map[string]string{"k": "plugin", "l": "plugin"}, 20},
		"entry resets":       {[]string{"labels: {k: one, m: one}", "labels: {k: ~, m: ~}"}, nil, map[string]string{"k": "plugin", "l": "plugin"}, 20},
		"null resets":        {[]string{"limit: 30\nnames: [x]", "limit: ~\nnames: ~"}, []string{"a", "b"}, nil, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, dir := &demo{}, t.TempDir()
			o := Options{Plugins: []Plugin{{Label: "demo", Settings: d, Overlay: map[string]any{
				"demo": map[string]any{"limit": 20, "labels": map[string]any{"k": "plugin"}}, "demo.labels": map[string]string{"l": "plugin"},
			}}}}
			for i, text := range c.files {
				text = "demo:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
				o.Files = append(o.Files, write(t, filepath.Join(dir, string(rune('a'+i)), "c.yaml"), text))
			}
			mustLoad(t, o)
			if c.names != nil && !cmp.Equal(c.names, d.Names) {
				t.Errorf("names %v, want %v", d.Names, c.names)
			}
			if c.labels != nil && len(d.Labels)+len(c.labels) > 0 && !cmp.Equal(c.labels, d.Labels) {
				t.Errorf("labels %v, want %v", d.Labels, c.labels)
			}
			if d.Limit != c.limit {
				t.Errorf("limit %d, want %d", d.Limit, c.limit)
			}
		})
	}
}

func TestNullStaysNullWhereItIsAValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	low := write(t, filepath.Join(dir, "a", "c.yaml"), "content_origin: https://x.example\nenabled_plugins: [demo]\ndemo: {optional: 1}\n")
	high := write(t, filepath.Join(dir, "b", "c.yaml"), "content_origin: ~\nenabled_plugins: ~\ndemo: {optional: ~}\n")
	d := &demo{}
	loaded := mustLoad(t, Options{Files: []string{low, high}, Plugins: []Plugin{{Label: "demo", Settings: d}, {Label: "other"}}})
	if loaded.Settings.ContentOrigin != nil || loaded.Settings.EnabledPlugins != nil || d.Optional != nil || len(loaded.Enabled) != 2 {
		t.Errorf("not null: %+v %+v, enabled %v", loaded.Settings, d, loaded.Enabled)
	}
	if steps := loaded.Explain("content_origin"); len(steps) != 3 || steps[2].Op != Set || steps[2].Origin.Where != high+":1" {
		t.Errorf("steps %+v", steps)
	}
}

// TestShapesOfAnyGiveWay covers a value where a lower layer had a map, and the other way round.
func TestShapesOfAnyGiveWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	low := write(t, filepath.Join(dir, "a", "c.yaml"), "demo: {tree: {a: {b: {c: 1}}, d: 2}}\n")
	high := write(t, filepath.Join(dir, "b", "c.yaml"), "demo: {tree: {a: {b: x}, d: {e: {f: 3}}}}\n")
	d := &demo{}
	mustLoad(t, Options{Files: []string{low, high}, Plugins: []Plugin{{Label: "demo", Settings: d}}})
	want := map[string]any{"a": map[string]any{"b": "x"}, "d": map[string]any{"e": map[string]any{"f": 3}}}
	if diff := cmp.Diff(want, d.Tree); diff != "" {
		t.Error(diff)
	}
}

func TestOverlays(t *testing.T) {
	t.Parallel()
	owner := Plugin{Label: "demo", Settings: &demo{}}
	load := func(overlay map[string]any, environ ...string) (*Loaded, error) {
		return Load(Options{Plugins: []Plugin{owner, {Label: "other", Overlay: overlay}}, Environ: environ})
	}
	loaded, err := load(map[string]any{"page_size": 7, "log": map[string]any{"format": "json"}, "allowed_content_checksums+": []string{"sha1"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := loaded.Settings; s.PageSize != 7 || s.Log.Format != "json" || s.Log.Level != "info" || len(s.AllowedContentChecksums) != 5 {
		t.Errorf("overlay is not in effect: %+v", s)
	}
	for name, c := range map[string]struct {
		overlay map[string]any
		want    string
	}{
		"replaces a foreign map": {map[string]any{"demo.labels!": map[string]string{"a": "b"}}, "plugin other: demo.labels: a plugin may add to this map but not replace it"},
		"resets a foreign map":   {map[string]any{"demo": map[string]any{"labels": nil}}, "not replace it"},
		"replaces a section":     {map[string]any{"log!": map[string]any{}}, "is a section"},
		"unknown key":            {map[string]any{"page_sizes": 1}, `plugin other: unknown setting "page_sizes"; did you mean "page_size"?`},
		"wrong type":             {map[string]any{"page_size": "1"}, "plugin other: page_size: expected a whole number"},
		"enables plugins":        {map[string]any{"enabled_plugins": []string{"other"}}, "cannot say which plugins"},
		"breaks a rule":          {map[string]any{"page_size": 0}, "plugin other: page_size: 0 must lie"},
	} {
		_, err := load(c.overlay)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	loaded, err = load(map[string]any{"page_size": 7}, "PACKHOUSE_ENABLED_PLUGINS=demo")
	if err != nil || loaded.Settings.PageSize != 100 || len(loaded.Enabled) != 1 {
		t.Errorf("the overlay of a disabled plugin applies: %v %v", loaded, err)
	}
}
