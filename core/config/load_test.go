package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/errs"
)

// demo is the section of a plugin with every kind of setting.
type demo struct {
	Limit    int               `koanf:"limit" default:"10" doc:"A number."`
	Ratio    float64           `koanf:"ratio" default:"0.5" doc:"A fraction."`
	Token    Secret            `koanf:"token" secret:"true" doc:"A secret."`
	Names    []string          `koanf:"names" default:"a,b" doc:"A list."`
	Ports    []int             `koanf:"ports" doc:"Numbers."`
	Labels   map[string]string `koanf:"labels" doc:"A map."`
	Hosts    map[string]Secret `koanf:"hosts" secret:"true" doc:"A map of secrets."`
	Tree     map[string]any    `koanf:"tree" doc:"Anything."`
	Optional *int              `koanf:"optional" doc:"A number or nothing."`
	Inner    demoInner         `koanf:"inner"`
}

type demoInner struct {
	Every time.Duration `koanf:"every" default:"1m" doc:"A time."`
}

func (d *demo) Validate() error {
	if d.Limit > 1000 {
		return errs.New(errs.Invalid, "limit is too high; choose at most 1000")
	}
	return nil
}

// write makes a file that only its owner may read and gives its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, o Options) *Loaded {
	t.Helper()
	loaded, err := Load(o)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return loaded
}

// fromYAML loads the text as the only file, with the demo plugin.
func fromYAML(t *testing.T, text string) (*Loaded, *demo, error) {
	t.Helper()
	d := &demo{}
	file := write(t, filepath.Join(t.TempDir(), "config.yaml"), text)
	loaded, err := Load(Options{Files: []string{file}, Dir: "/srv", Plugins: []Plugin{{Label: "demo", Settings: d}}})
	return loaded, d, err
}

func wantFaults(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if !errs.Is(err, errs.Invalid) {
		t.Errorf("kind %q, want invalid", errs.KindOf(err))
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in:\n%v", text, err)
		}
	}
}

func TestDefaultsAreComplete(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, Options{Dir: "/srv", Mode: "serve"}).Settings
	want := map[string][2]any{
		"data_dir":          {s.DataDir, "/srv/packhouse-data"},
		"db_encryption_key": {s.DBEncryptionKey, "/srv/packhouse-data/keys/database.key"},
		"storage.location":  {s.Storage.Location, "/srv/packhouse-data/media"},
		"working_directory": {s.WorkingDirectory, "/srv/packhouse-data/tmp"},
		"database.url":      {s.Database.URL.Reveal(), "sqlite:///srv/packhouse-data/packhouse.db"},
		"poll":              {s.Worker.PollInterval, 250 * time.Millisecond},
		"body":              {s.MaxBodySize, int64(16 << 20)},
		"checksums":         {strings.Join(s.AllowedContentChecksums, " "), "sha224 sha256 sha384 sha512"},
	}
	for name, pair := range want {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
	if s.ContentOrigin != nil || s.EnabledPlugins != nil {
		t.Errorf("what nobody set is not null: %v %v", s.ContentOrigin, s.EnabledPlugins)
	}
	d := Defaults()
	d.DataDir = "/srv/packhouse-data"
	if diff := cmp.Diff(s, d.WithDefaults()); diff != "" {
		t.Errorf("Load of nothing and Defaults differ:\n%s", diff)
	}
	if err := d.WithDefaults().Validate(); err != nil {
		t.Errorf("defaults are not valid: %v", err)
	}
}

// TestLayerOrder sets one key in ever more layers; the last one must win and stand last in the trail.
func TestLayerOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, value string) string {
		return write(t, filepath.Join(dir, name), "worker:\n  concurrency: "+value+"\n")
	}
	o := Options{Dir: dir, System: filepath.Join(dir, "config.yaml")}
	layers := []struct {
		want  int
		where string
		add   func()
	}{
		{8, "default", func() {}},
		{5, "plugin demo", func() {
			o.Plugins = []Plugin{{Label: "demo", Overlay: map[string]any{"worker.concurrency": 5}}}
		}},
		{6, "config.yaml:2", func() { file("config.yaml", "6") }},
		{7, "conf.d/10-a.yaml:2", func() { file("conf.d/10-a.yaml", "7") }},
		{18, "conf.d/20-b.yaml:2", func() { file("conf.d/20-b.yaml", "18") }},
		{9, "local.yaml:2", func() { file("local.yaml", "9") }},
		{10, "PACKHOUSE_WORKER__CONCURRENCY", func() { o.Environ = []string{"PACKHOUSE_WORKER__CONCURRENCY=10", "HOME=/"} }},
		{11, "--set worker.concurrency", func() { o.Flags = map[string]string{"worker.concurrency": "11"} }},
	}
	for i, layer := range layers {
		layer.add()
		loaded := mustLoad(t, o)
		steps := loaded.Explain("worker.concurrency")
		if loaded.Settings.Worker.Concurrency != layer.want || len(steps) != i+1 {
			t.Fatalf("%s: got %d after %d steps, want %d after %d", layer.where, loaded.Settings.Worker.Concurrency, len(steps), layer.want, i+1)
		}
		if last := steps[i].Origin.String(); !strings.HasSuffix(last, layer.where) {
			t.Errorf("origin %q, want %q", last, layer.where)
		}
	}
	for _, row := range mustLoad(t, o).Rows() {
		if row.Default != (row.Key != "worker.concurrency") {
			t.Errorf("row %s: default is %v", row.Key, row.Default)
		}
	}
}

func TestWhichFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	named := write(t, filepath.Join(dir, "a", "my.yaml"), "page_size: 1\n")
	second := write(t, filepath.Join(dir, "b", "local.yaml"), "page_size: 2\n")
	system := write(t, filepath.Join(dir, "c", "config.yaml"), "page_size: 3\n")
	local := write(t, filepath.Join(dir, "c", "local.yaml"), "page_size: 4\n")
	env := []string{"PACKHOUSE_CONFIG=" + named}
	for name, c := range map[string]struct {
		o    Options
		want []string
	}{
		"flags beat PACKHOUSE_CONFIG": {Options{Files: []string{named, second}, Environ: env, System: system}, []string{named, second}},
		"PACKHOUSE_CONFIG":            {Options{Environ: env, System: system}, []string{named}},
		"system":                      {Options{System: system}, []string{system, local}},
		"relative":                    {Options{Files: []string{"a/my.yaml"}, Dir: dir}, []string{named}},
		"system without main file":    {Options{System: filepath.Join(dir, "c", "none.yaml")}, []string{local}},
		"none":                        {Options{}, nil},
	} {
		if loaded := mustLoad(t, c.o); !slices.Equal(loaded.Files, c.want) {
			t.Errorf("%s: read %v, want %v", name, loaded.Files, c.want)
		}
	}
	_, err := Load(Options{Files: []string{filepath.Join(dir, "gone.yaml")}})
	wantFaults(t, err, "--config: there is no file", "gone.yaml")
	_, err = Load(Options{Environ: []string{"PACKHOUSE_CONFIG=/gone.yaml"}})
	wantFaults(t, err, "PACKHOUSE_CONFIG: there is no file /gone.yaml")
	write(t, filepath.Join(dir, "a", "conf.d", "x.yml"), "")
	_, err = Load(Options{Files: []string{named}})
	wantFaults(t, err, "x.yml: only *.yaml is read here")
}

func TestServicesMustSayWhereTheirDataIs(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"api", "content", "worker"} {
		_, err := Load(Options{Mode: mode})
		wantFaults(t, err, "data_dir: packhouse "+mode)
		mustLoad(t, Options{Mode: mode, Environ: []string{"PACKHOUSE_DATA=/srv/x"}})
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown mode did not panic")
		}
	}()
	_, _ = Load(Options{Mode: "apy"})
}

func TestAllFaultsTogether(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "c.yaml"), "page_sise: 3\nlog:\n  level: loud\n")
	_, err := Load(Options{Files: []string{file}, Environ: []string{"PACKHOUSE_PAGE_SIZE=many"}, Flags: map[string]string{"nope.nope": "x"}})
	wantFaults(t, err, file+`:1: unknown setting "page_sise"; did you mean "page_size"?`,
		`PACKHOUSE_PAGE_SIZE: page_size: expected a whole number, got "many"`, "--set nope.nope: unknown setting")
}
