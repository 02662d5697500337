package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestYAMLFillsEveryKind(t *testing.T) {
	t.Parallel()
	loaded, d, err := fromYAML(t, `
CONTENT_ORIGIN: https://p.example.org
admin_password: 0123
log: {level: debug}
storage.location: media
enabled_plugins: [demo]
demo:
  limit: 11
  ratio: 2
  token: t
  names: [x]
  ports: [80, 443]
  labels: {Example.org: "1", b: 2}
  hosts: {h.example.org: pw}
  tree: {a: {b: [1, {c: d}]}, e: null}
  optional: 7
  inner: {every: 2s}
`)
	if err != nil {
		t.Fatal(err)
	}
	s := loaded.Settings
	if *s.ContentOrigin != "https://p.example.org" || s.AdminPassword.Reveal() != "0123" || s.Log.Level != "debug" ||
		s.Log.Format != "text" || s.Storage.Location != "/srv/media" || len(s.EnabledPlugins) != 1 {
		t.Errorf("settings are %+v", s)
	}
	seven := 7
	want := &demo{Limit: 11, Ratio: 2, Token: NewSecret("t"), Names: []string{"x"}, Ports: []int{80, 443},
		Labels: map[string]string{"Example.org": "1", "b": "2"}, Hosts: map[string]Secret{"h.example.org": NewSecret("pw")},
		Tree: map[string]any{"a": map[string]any{"b": []any{1, map[string]any{"c": "d"}}}, "e": nil}, Optional: &seven, Inner: demoInner{2e9}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

// TestYAMLFaults holds a wrong file and what must be said about it.
func TestYAMLFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown":             {"\ndatabase:\n  ur: x\n", []string{`c.yaml:3: unknown setting "database.ur"; did you mean "database.url"?`}},
		"section forgotten":   {"bucket: x\n", []string{`"storage.s3.bucket"`}},
		"name of old":         {"MEDIA_ROOT: /x\n", []string{`did you mean "storage.location"?`}},
		"nothing near":        {"qqqqqqqqqqq: x\n", []string{"packhouse config show"}},
		"text for bool":       {"access_log: 'true'\n", []string{`c.yaml:1: access_log: expected true or false, got "true"`}},
		"yes for bool":        {"access_log: yes\n", []string{`got "yes"`}},
		"text for int":        {"page_size: '5'\n", []string{"expected a whole number"}},
		"fraction for int":    {"page_size: 3.9\n", []string{`got "3.9"`}},
		"octal":               {"page_size: 0x10\n", []string{"expected a whole number"}},
		"int for duration":    {"worker: {poll_interval: 20}\n", []string{"expected a duration"}},
		"infinite":            {"demo: {ratio: .inf}\n", []string{"expected a number"}},
		"bool for text":       {"api_root: true\n", []string{"expected text"}},
		"scalar for list":     {"egress: {allow: a}\n", []string{"expected a list of text, not a single value"}},
		"map in list":         {"egress: {allow: [{a: b}]}\n", []string{"in the list: expected text, not a map"}},
		"list for text":       {"api_root: []\n", []string{"not a list"}},
		"list for map":        {"demo: {labels: []}\n", []string{"expected a map of text"}},
		"map in map of text":  {"demo: {labels: {a: {b: c}}}\n", []string{"demo.labels.a: expected text, not a map"}},
		"scalar for section":  {"storage: s3\n", []string{"c.yaml:1: storage: is a section"}},
		"null for section":    {"page_size: 5\nstorage:\n", []string{"c.yaml:2: storage: is a section with settings of its own, not nothing"}},
		"operator on section": {"storage!: {}\n", []string{"is a section"}},
		"duplicate":           {"page_size: 5\nPage_size: 6\n", []string{"c.yaml:2: page_size: is already written at", "c.yaml:1"}},
		"duplicate section":   {"log: {level: info}\nlog: {format: json}\n", []string{"c.yaml:2: log: is already written"}},
		"duplicate dotted":    {"log: {level: info}\nlog.level: warn\n", []string{"c.yaml:2: log.level: is already written"}},
		"duplicate entry":     {"demo: {labels: {a: x, a: y}}\n", []string{"demo.labels.a: is already written"}},
		"duplicate deep":      {"demo: {tree: {l: [{a: x, a: y}]}}\n", []string{"demo.tree.l"}},
		"append to text":      {"api_root+: [x]\n", []string{"+ appends to lists only"}},
		"remove from int":     {"page_size-: [x]\n", []string{"- removes from lists and maps only"}},
		"replace list":        {"demo: {names!: [x]}\n", []string{"! replaces maps only"}},
		"alias":               {"api_root: &a x\nlisten: *a\n", []string{"c.yaml:2: listen: aliases"}},
		"alias in any":        {"demo: {tree: {a: &x [1], b: [*x]}}\n", []string{"no aliases"}},
		"merge key":           {"log: &l {level: info}\nworker:\n  <<: *l\n", []string{"c.yaml:3"}},
		"key is no text":      {"1: x\n", []string{"must be plain text"}},
		"two documents":       {"page_size: 1\n---\npage_size: 2\n", []string{"more than one document"}},
		"no map":              {"- a\n", []string{"setting: value"}},
		"syntax":              {"a: [\n", []string{"c.yaml"}},
		"rule":                {"\nauthentication:\n  cache_seconds: 61\n", []string{"c.yaml:3: authentication.cache_seconds: 61 must lie between 0 and 60"}},
		"plugin rule":         {"demo: {limit: 2000}\n", []string{"demo: limit is too high"}},
		"unknown plugin":      {"enabled_plugins: [demo, dem]\n", []string{`c.yaml:1: enabled_plugins: no plugin "dem" is built in (there are: demo)`}},
		"no plugins":          {"enabled_plugins: []\n", []string{"must name at least one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, filepath.Join(t.TempDir(), "c.yaml"), c.text)
			_, err := Load(Options{Files: []string{file}, Plugins: []Plugin{{Label: "demo", Settings: &demo{}}}})
			wantFaults(t, err, c.want...)
		})
	}
}

func TestEmptyFilesAreFine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "{}\n", "~\n"} {
		if _, _, err := fromYAML(t, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSecretsNeedPrivateFiles also makes sure that no message holds the secret.
func TestSecretsNeedPrivateFiles(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"admin_password: hunter2\n":                        true,
		"database: {url: 'postgres://u:hunter2@h/d'}\n":    true,
		"database: {url: 'postgres://u@h/d?password=x'}\n": true,
		"database: {url: 'postgres://u@h/d'}\n":            false,
		"redis_url: redis://h:6379/0\n":                    false,
		"demo: {hosts: {a: hunter2}}\n":                    true,
		"admin_password: ''\npage_size: 3\n":               false,
		"admin_password: ~\n":                              false,
	} {
		file := write(t, filepath.Join(t.TempDir(), "c.yaml"), text)
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		o := Options{Files: []string{file}, Plugins: []Plugin{{Label: "demo", Settings: &demo{}}}}
		_, err := Load(o)
		if refused {
			wantFaults(t, err, "chmod o-r "+file)
		} else if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, o)
	}
}

func TestMessagesHoldNoSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"admin_password: [hunter2]\n", "admin_password: {hunter2: x}\n", "admin_password: *hunter2\n",
		"secret_key: hunter2\n", "redis_url: 'ftp://:hunter2@h'\n", "database: {url: 'hunter2'}\n",
		"demo: {hosts: {a: [hunter2]}}\n", "demo: {hosts: [hunter2]}\n", "admin_password: !x hunter2\n",
		"admin_password+: hunter2\n", "database: {url: 'postgres://u:hunter2@h:port/d'}\n", "admin_password: 'hunter2\n",
	} {
		_, _, err := fromYAML(t, text)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, env := range []string{"PACKHOUSE_DEMO__HOSTS=hunter2", "PACKHOUSE_ADMIN_PASSWURD=hunter2", "PACKHOUSE_REDIS_URL=hunter2", `PACKHOUSE_DEMO__HOSTS={"a":["hunter2"]}`} {
		_, err := Load(Options{Environ: []string{env}, Plugins: []Plugin{{Label: "demo", Settings: &demo{}}}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", env, err)
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"a: b", "log: {level: x}", "demo: {tree: {a: [1, {b: ~}]}}", "demo: {labels!: {a: b}, names-: [a]}", "&a [*a]", "? [x]\n: y", "enabled_plugins: ~", "demo: {tree: {? {a: b} : c}}",
		"authorizers: [{name: a, type: t, parameters: {a: [1, {secret: x}], b: {file: /x}, c: {env: X}}}]", "authorizers-: [a]", "authorizers+: [{? [a] : b}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newSchema([]Plugin{{Label: "demo", Settings: &demo{}}})
		given, faults := readYAML(s, "f.yaml", data)
		mergeAll(t, s, given, faults)
	})
}

// mergeAll takes assignments through merge and decoding: what the readers let pass must fit the structs.
func mergeAll(t *testing.T, s *schema, given []assignment, faults []error) {
	t.Helper()
	for _, err := range faults {
		_ = err.Error()
	}
	m := newMerge(s)
	m.freeze()
	m.apply(given)
	m.resolvePaths("/")
	for owner, target := range map[string]any{"": &Settings{}, "demo": &demo{}} {
		if err := decodeInto(m.leaves, owner, target); err != nil {
			t.Errorf("the readers let something pass that does not decode: %v", err)
		}
	}
	(&Loaded{schema: s, leaves: m.leaves}).Rows()
}
