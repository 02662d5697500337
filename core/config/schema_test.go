package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettingsPage keeps the manual in step with the Settings struct.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "settings.md")
	want := Page(Schema())
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/settings.md is stale (%v); run: UPDATE=1 go test ./core/config -run TestSettingsPage", err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	byKey := map[string]Setting{}
	for _, s := range Schema(Plugin{Label: "demo", Settings: &demo{}}) {
		byKey[s.Key] = s
		if !strings.HasSuffix(s.Doc, ".") || strings.ContainsAny(s.Doc, "\n|") {
			t.Errorf("%s: the doc does not end in a stop or breaks the table: %q", s.Key, s.Doc)
		}
	}
	for key, want := range map[string]Setting{
		"content_origin":        {Type: "text or null", Default: "null", Env: "PACKHOUSE_CONTENT_ORIGIN", Nullable: true},
		"storage.s3.secret_key": {Type: "secret", Env: "PACKHOUSE_STORAGE__S3__SECRET_KEY", Secret: true},
		"demo.ports":            {Type: "list of integer", Env: "PACKHOUSE_DEMO__PORTS", Plugin: "demo"},
		"worker.poll_interval":  {Type: "duration", Default: "250ms", Env: "PACKHOUSE_WORKER__POLL_INTERVAL"},
		"storage.location":      {Type: "text", Default: "data_dir/media", Env: "PACKHOUSE_STORAGE__LOCATION"},
	} {
		got := byKey[key]
		got = Setting{Type: got.Type, Default: got.Default, Env: got.Env, Secret: got.Secret, Nullable: got.Nullable, Plugin: got.Plugin}
		if got.Type != want.Type || got.Default != want.Default || got.Env != want.Env || got.Secret != want.Secret || got.Nullable != want.Nullable || got.Plugin != want.Plugin {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
	}
}

func TestWrongDeclarationsPanic(t *testing.T) {
	t.Parallel()
	type ok struct {
		A int `koanf:"a" doc:"d"`
	}
	for name, plugins := range map[string][]Plugin{
		"label is a core key":     {{Label: "listen"}},
		"label is a core section": {{Label: "storage"}},
		"label twice":             {{Label: "a"}, {Label: "a"}},
		"malformed label":         {{Label: "A__b"}},
		"no pointer":              {{Label: "a", Settings: ok{}}},
		"nil pointer":             {{Label: "a", Settings: (*ok)(nil)}},
		"same variable":           {{Label: "a-b", Settings: &ok{}}, {Label: "a_b", Settings: &ok{}}},
		"no tag":                  {{Label: "a", Settings: &struct{ A int }{}}},
		"no doc": {{Label: "a", Settings: &struct {
			A int `koanf:"a"`
		}{}}},
		"secret without tag": {{Label: "a", Settings: &struct {
			A Secret `koanf:"a" doc:"d"`
		}{}}},
		"tag without secret": {{Label: "a", Settings: &struct {
			A string `koanf:"a" doc:"d" secret:"true"`
		}{}}},
		"wrong default": {{Label: "a", Settings: &struct {
			A int `koanf:"a" doc:"d" default:"x"`
		}{}}},
		"impossible type": {{Label: "a", Settings: &struct {
			A chan int `koanf:"a" doc:"d"`
		}{}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			Schema(plugins...)
		}()
	}
}

// TestRowsCoverTheSchema makes sure that `config show` hides nothing.
func TestRowsCoverTheSchema(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, Options{Dir: "/srv"})
	rows := map[string]Row{}
	for _, r := range loaded.Rows() {
		rows[r.Key] = r
	}
	for _, s := range Schema() {
		row, ok := rows[s.Key]
		if !ok {
			t.Errorf("no row for %s", s.Key)
		}
		if want, below := strings.CutPrefix(s.Default, "data_dir/"); below && row.Text() != "/srv/packhouse-data/"+want {
			t.Errorf("%s: the schema says %s, in effect is %s", s.Key, s.Default, row.Text())
		}
	}
	if r := rows["content_origin"]; r.Text() != "null" || !r.Default {
		t.Errorf("%+v", r)
	}
	if r := rows["storage.s3.bucket"]; !r.Under("storage") || !r.Under("storage.s3.bucket") || r.Under("stor") {
		t.Error("Under does not go by whole names")
	}
	if r := rows["database.url"]; r.Text() != "sqlite:///srv/packhouse-data/packhouse.db" || r.Origin.String() != "default (below data_dir)" {
		t.Errorf("%+v", r)
	}
	if loaded.Explain("nope") != nil {
		t.Error("an unknown key is explained")
	}
}
