package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentIsTypedBySchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := write(t, filepath.Join(dir, "pw"), "from file \n")
	d := &demo{}
	loaded := mustLoad(t, Options{Plugins: []Plugin{{Label: "demo", Settings: d}}, Environ: []string{
		"PACKHOUSE_DATA=" + dir, "PACKHOUSE_ACCESS_LOG=0", "PACKHOUSE_CACHE_ENABLED=true", "PACKHOUSE_REDIS_URL=redis://h", "PACKHOUSE_CACHE_SETTINGS__EXPIRES_TTL=null", "PACKHOUSE_LOG__LEVEL=warn",
		"PACKHOUSE_ADMIN_PASSWORD_FILE=" + secret, "PACKHOUSE_STORAGE__S3__BUCKET=1e9", "PACKHOUSE_WORKER__POLL_INTERVAL=5ms",
		"PACKHOUSE_CONTENT_ORIGIN=null", "PACKHOUSE_ALLOWED_CONTENT_CHECKSUMS=sha256, sha512", "PACKHOUSE_EGRESS__ALLOW=",
		`PACKHOUSE_DEMO__NAMES=["a,b", "\ud83c\udf4e"]`, `PACKHOUSE_DEMO__LABELS={"Some.Key": "v"}`, "PACKHOUSE_DEMO__HOSTS__H=pw",
		"PACKHOUSE_DEMO__TREE__A__B=5", "PACKHOUSE_DEMO__PORTS=1,2", "PACKHOUSE_DEMO__TOKEN=a=b",
		// no settings:
		"PACKHOUSE_TEST_POSTGRES=x", "PACKHOUSE_BENCH_N=1", "PACKHOUSE_CONFIG=", "PACKHOUSE_API_SERVICE_HOST=10.0.0.1",
		"PACKHOUSE_PORT=tcp://10.0.0.1:80", "PACKHOUSE_PORT_80_TCP_ADDR=10.0.0.1", "PACKHOUSE_SERVICE_PORT_HTTP=80", "OTHER=1",
	}})
	s := loaded.Settings
	got := []any{s.DataDir, s.AccessLog, s.CacheEnabled, s.Cache.Life().String(), s.Log.Level, s.AdminPassword.Reveal(), s.Storage.S3.Bucket, s.Worker.PollInterval.String(),
		s.ContentOrigin == nil, s.AllowedContentChecksums, s.Egress.Allow}
	want := []any{dir, false, true, "24h0m0s", "warn", "from file ", "1e9", "5ms", true, []string{"sha256", "sha512"}, []string{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantDemo := &demo{Limit: 10, Ratio: 0.5, Token: NewSecret("a=b"), Names: []string{"a,b", "🍎"}, Ports: []int{1, 2}, Labels: map[string]string{"Some.Key": "v"},
		Hosts: map[string]Secret{"h": NewSecret("pw")}, Tree: map[string]any{"a": map[string]any{"b": "5"}}, Inner: demoInner{6e10}}
	if diff := cmp.Diff(wantDemo, d); diff != "" {
		t.Error(diff)
	}
	if steps := loaded.Explain("admin_password"); steps[len(steps)-1].Origin.Where != "PACKHOUSE_ADMIN_PASSWORD_FILE" {
		t.Errorf("origin %+v", steps)
	}
}

func TestEnvironmentFaults(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]string{
		"PACKHOUSE_DATABASE_URL=x":                                 "PACKHOUSE_DATABASE_URL: unknown setting; did you mean PACKHOUSE_DATABASE__URL?",
		"PACKHOUSE_MEDIA_ROOT=x":                                   "did you mean PACKHOUSE_STORAGE__LOCATION?",
		"PACKHOUSE_QQQQQQQQQQQQ=x":                                 "packhouse config show",
		"PACKHOUSE_=x":                                             "PACKHOUSE_: unknown setting",
		"PACKHOUSE_DATABASE=x":                                     "PACKHOUSE_DATABASE: unknown setting",
		"PACKHOUSE_ACCESS_LOG=yes":                                 `PACKHOUSE_ACCESS_LOG: access_log: expected true or false, got "yes"`,
		"PACKHOUSE_PAGE_SIZE=":                                     "expected a whole number",
		"PACKHOUSE_PAGE_SIZE=null":                                 "expected a whole number",
		"PACKHOUSE_PAGE_SIZE=1e3":                                  "expected a whole number",
		"PACKHOUSE_DEMO__LABELS=a=b":                               "expected a map of text, as JSON",
		`PACKHOUSE_DEMO__LABELS={"a":"b"} x`:                       "expected a map of text, as JSON",
		`PACKHOUSE_DEMO__LABELS={"a":"b","a":"c"}`:                 "is already written",
		`PACKHOUSE_DEMO__LABELS=["a"]`:                             "expected a map of text, not a list",
		"PACKHOUSE_DEMO__LABELS__A__B=x":                           "no entries of their own",
		"PACKHOUSE_DEMO__PORTS=1,x":                                "expected a whole number",
		`PACKHOUSE_DEMO__PORTS=[1,"2"]`:                            `expected a whole number, got "2"`,
		"PACKHOUSE_DEMO__PORTS=[1":                                 "expected JSON",
		"PACKHOUSE_ADMIN_PASSWORD_FILE=/gone":                      "PACKHOUSE_ADMIN_PASSWORD_FILE: admin_password: read the value from the file",
		"PACKHOUSE_LISTEN=a:1\x00PACKHOUSE_LISTEN_FILE=/gone":      "",
		"PACKHOUSE_DATA=/a\x00PACKHOUSE_DATA_DIR=/b":               "PACKHOUSE_DATA_DIR: data_dir: is already set by PACKHOUSE_DATA",
		"PACKHOUSE_DEMO__LABELS={}\x00PACKHOUSE_DEMO__LABELS__A=x": "PACKHOUSE_DEMO__LABELS__A: demo.labels: is already set by PACKHOUSE_DEMO__LABELS;",
	} {
		t.Run(environ, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Options{Environ: strings.Split(environ, "\x00"), Plugins: []Plugin{{Label: "demo", Settings: &demo{}}}})
			wantFaults(t, err, want)
		})
	}
	value := write(t, filepath.Join(t.TempDir(), "v"), "b:2")
	_, err := Load(Options{Environ: []string{"PACKHOUSE_LISTEN=a:1", "PACKHOUSE_LISTEN_FILE=" + value}})
	wantFaults(t, err, "PACKHOUSE_LISTEN_FILE: listen: is already set by PACKHOUSE_LISTEN;")
}

func TestFlags(t *testing.T) {
	t.Parallel()
	flags := map[string]string{"data": "here", "listen": "0.0.0.0:80"}
	for _, text := range []string{"log.level=debug", "Allowed_Content_Checksums+=[\"md5\"]", "demo.labels.a=b=c"} {
		if err := AddFlag(flags, text); err != nil {
			t.Fatal(err)
		}
	}
	d := &demo{}
	loaded := mustLoad(t, Options{Dir: "/srv", Flags: flags, Plugins: []Plugin{{Label: "demo", Settings: d}}})
	s := loaded.Settings
	if s.DataDir != "/srv/here" || s.Listen != "0.0.0.0:80" || s.Log.Level != "debug" || len(s.AllowedContentChecksums) != 5 || d.Labels["a"] != "b=c" {
		t.Errorf("%+v %+v", s, d)
	}
	for key, where := range map[string]string{"data_dir": "--data", "listen": "--listen", "log.level": "--set log.level"} {
		if steps := loaded.Explain(key); steps[len(steps)-1].Origin != (Origin{LayerFlag, where}) {
			t.Errorf("%s comes from %+v", key, steps)
		}
	}
	for _, text := range []string{"log.level", "=x", "log.level=info"} {
		if AddFlag(flags, text) == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	_, err := Load(Options{Flags: map[string]string{"data": "/a", "data_dir": "/b", "log.lvl": "x"}})
	wantFaults(t, err, "--set data_dir: data_dir: is already set by --data", `--set log.lvl: unknown setting; did you mean "log.level"?`)
}

func FuzzEnvironment(f *testing.F) {
	for _, seed := range [][2]string{{"PACKHOUSE_LOG__LEVEL", "x"}, {"PACKHOUSE_DEMO__TREE", `{"a":[1,{"b":null}]}`}, {"PACKHOUSE_DEMO__TREE__A__B", "1"},
		{"PACKHOUSE_DEMO__PORTS", "[1,2]"}, {"PACKHOUSE_DEMO__LABELS__", ""}, {"PACKHOUSE___FILE", "/"}, {"PACKHOUSE_DEMO__RATIO", "NaN"}, {"PACKHOUSE_DEMO__TREE", "null"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.HasSuffix(name, "_FILE") {
			return // would read files of this host
		}
		s := newSchema([]Plugin{{Label: "demo", Settings: &demo{}}})
		given, faults := readEnvironment(s, newEnvironment([]string{name + "=" + value}))
		mergeAll(t, s, given, faults)
		given, faults = readFlags(s, map[string]string{strings.ToLower(name): value})
		mergeAll(t, s, given, faults)
	})
}
