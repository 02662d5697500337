package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestInstancesAreRead(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "secret"), "from the file\n")
	text := `
authorizers:
  - {name: owners, type: ownership}
  - name: staff
    type: group_required
    parameters:
      groups: [a, b]
      one: c
      limit: 3
      ratio: 0.5
      strict: true
      nothing: ~
      every: 15m
      client_secret: 0123
      token_lifetime: 60
      tokens: [x, {deep: y}]
      bind_password: {file: ` + file + `}
      other: {env: OTHER}
      absent: {env: ABSENT}
      map: {staff: local, secret: z}
`
	loaded, err := Load(Options{Files: []string{write(t, filepath.Join(t.TempDir(), "c.yaml"), text)}, Environ: []string{"OTHER=first", "OTHER=from the environment"}})
	if err != nil {
		t.Fatal(err)
	}
	got := loaded.Settings.Authorizers
	if len(got) != 2 || got[0].Name != "owners" || got[0].Type != "ownership" || len(got[0].Parameters) != 0 || got[1].Type != "group_required" {
		t.Fatalf("read %+v", got)
	}
	one := got[1]
	for name, want := range map[string]string{"one": "c", "limit": "3", "ratio": "0.5", "strict": "true", "nothing": "", "unset": "", "client_secret": "0123", "token_lifetime": "60",
		"bind_password": "from the file", "other": "from the environment"} {
		if text, err := one.Text(name); err != nil || text != want {
			t.Errorf("%s is %q (%v), want %q", name, text, err, want)
		}
		if hidden, err := one.Secret(name); err != nil || hidden.Reveal() != want {
			t.Errorf("%s is %q (%v) as a secret, want %q", name, hidden.Reveal(), err, want)
		}
	}
	for _, c := range []struct{ got, want any }{
		{first(one.Texts("groups")), []string{"a", "b"}}, {first(one.Texts("one")), []string{"c"}}, {first(one.Texts("unset")), []string(nil)},
		{first(one.TextMap("map")), map[string]string{"staff": "local", "secret": "z"}}, {first(one.TextMap("unset")), map[string]string(nil)},
		{first(one.Int("limit", 9)), 3}, {first(one.Int("token_lifetime", 9)), 60}, {first(one.Int("unset", 9)), 9}, {first(one.Int("nothing", 9)), 9},
		{first(one.Bool("strict", false)), true}, {first(one.Bool("unset", true)), true},
		{first(one.Duration("every", 0)), 15 * time.Minute}, {first(one.Duration("unset", time.Hour)), time.Hour},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
	for name, err := range map[string]error{
		"absent": second(one.Text("absent")), "groups": second(one.Text("groups")), "map": second(one.Secret("map")), "ratio": second(one.Int("ratio", 0)),
		"one": second(one.Duration("one", 0)), "every": second(one.Bool("every", false)), "limit": one.Only("groups"), "client_secret": second(one.TextMap("client_secret")),
	} {
		if err == nil || !strings.Contains(err.Error(), `of group_required "staff" in the settings`) || strings.Contains(err.Error(), "0123") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := got[0].Only(); err != nil {
		t.Error(err)
	}
}

func first[V any](v V, _ error) V        { return v }
func second[V any](_ V, err error) error { return err }

func TestInstancesMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   []string
		environ []string
		want    string
	}{
		"none":           {nil, nil, ""},
		"replace":        {[]string{"authorizers: [{name: a, type: t}]", "authorizers: [{name: b, type: t}, {name: c, type: t}]"}, nil, "b c"},
		"append":         {[]string{"authorizers: [{name: a, type: t}]", "authorizers+: [{name: b, type: t}, {name: a, type: t}]"}, nil, "a b"},
		"remove by name": {[]string{"authorizers: [{name: a, type: t, parameters: {x: 1}}, {name: b, type: t}]", "authorizers-: [a, never]"}, nil, "b"},
		"reset":          {[]string{"authorizers: [{name: a, type: t}]", "authorizers: ~"}, nil, ""},
		"variable":       {[]string{"authorizers: [{name: a, type: t}]"}, []string{`PACKHOUSE_AUTHORIZERS=[{"name":"v","type":"t","parameters":{"a":[1]}}]`}, "v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Environ: c.environ}
			for i, text := range c.files {
				o.Files = append(o.Files, write(t, filepath.Join(t.TempDir(), fmt.Sprint(i)+".yaml"), text))
			}
			var names []string
			for _, one := range mustLoad(t, o).Settings.Authorizers {
				names = append(names, one.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	low := write(t, filepath.Join(t.TempDir(), "a.yaml"), "authorizers: [{name: a, type: t}]")
	high := write(t, filepath.Join(t.TempDir(), "b.yaml"), "\nauthorizers+: [{name: a, type: u}]")
	_, err := Load(Options{Files: []string{low, high}})
	wantFaults(t, err, high+`:2: authorizers: another layer has an instance that is called "a" too`)
}

func TestInstanceFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"authorizers: x":    "config.yaml:1: authorizers: expected a list of instances, each with name, type and parameters, not a single value",
		"authorizers:\n- x": "config.yaml:2: authorizers: expected a map with name",
		"authorizers:\n- {name: a, type: t}\n- {name: a, type: u}":                   `config.yaml:3: authorizers: an instance is already called "a" at`,
		"authorizers:\n- {name: a}":                                                  "config.yaml:2: authorizers: an instance needs a name and a type",
		"authorizers:\n- {type: a, name: ''}":                                        "names and types of instances hold letters",
		"authorizers:\n- {name: a, type: t,\n   groups: [hunter2]}":                  `config.yaml:3: authorizers: an instance has name, type and parameters; write "groups" below parameters`,
		"authorizers:\n- {name: a, type: t,\n   parameters: [hunter2]}":              "config.yaml:3: authorizers: expected a map of parameters, not a list",
		"authorizers:\n- {name: a, type: t, parameters: {a: 1,\n   a: hunter2}}":     "config.yaml:3: authorizers.a: is already written",
		"authorizers:\n- {name: a, type: t, parameters: {a: &x hunter2,\n   b: *x}}": "config.yaml:3: authorizers: expected plain parameters: no aliases",
		"authorizers:\n- {name: a, type: t, parameters: {a: {file: hunter}}}":        "must be the full path of a file",
		"authorizers:\n- {name: a, type: t, parameters: {a: 0x10}}":                  "decimal whole number",
		"authorizers!: []":          "! replaces maps only",
		"authorizers-: [{a: b}]":    "names and types of instances hold",
		"authentication: {oidc: 1}": "config.yaml:1: authentication.oidc: expected a list of instances",
	} {
		_, _, err := fromYAML(t, text)
		wantFaults(t, err, want)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the value is quoted: %v", err)
		}
	}
	_, err := Load(Options{Environ: []string{`PACKHOUSE_AUTHORIZERS=[{"client_secret":"hunter2"`}})
	wantFaults(t, err, "PACKHOUSE_AUTHORIZERS: authorizers: expected a list of instances")
	if strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	open := write(t, filepath.Join(t.TempDir(), "c.yaml"), "authorizers: [{name: a, type: t, parameters: {x: {a_token: hunter2}}}]")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Load(Options{Files: []string{open}})
	wantFaults(t, err, "is secret, but everybody may read the file")
	low := write(t, filepath.Join(t.TempDir(), "c.yaml"), "authorizers: [{name: a, type: t, parameters: {a_token: {file: /x}}}]")
	if err := os.Chmod(low, 0o644); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, Options{Files: []string{low}})
}

// TestParametersThatSpeakOfSecretsAreHidden puts a secret below random names and prints the settings in every way.
func TestParametersThatSpeakOfSecretsAreHidden(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.SampledFrom([]string{"secret", "password", "token", "Client_Secret", "bindPassword", "API_TOKEN", "tokens"}).Draw(rt, "name")
		var value any = "hunter2"
		for range rapid.IntRange(0, 3).Draw(rt, "depth") {
			value = rapid.SampledFrom([]any{map[string]any{"plain": value, "x": 1}, []any{value, 2}}).Draw(rt, "shape")
		}
		var above any = map[string]any{word: value, "shown": "seen"}
		for range rapid.IntRange(0, 2).Draw(rt, "above") {
			above = map[string]any{"outer": above}
		}
		data, err := json.Marshal([]any{map[string]any{"name": "n", "type": "t", "parameters": above}})
		if err != nil {
			rt.Fatal(err)
		}
		loaded, err := Load(Options{Dir: dir, Environ: []string{"PACKHOUSE_AUTHENTICATION__OIDC=" + string(data)}})
		if err != nil {
			rt.Fatal(err)
		}
		var out bytes.Buffer
		for _, v := range []any{loaded, loaded.Settings, loaded.Settings.Authentication.OIDC, loaded.Rows(), loaded.Explain("authentication.oidc")} {
			fmt.Fprintf(&out, "%v %+v %#v %s %q %x", v, v, v, v, v, v)
			for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
				text, err := marshal(v)
				if err != nil {
					rt.Fatal(err)
				}
				out.Write(text)
			}
		}
		if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(text, "seen") {
			rt.Fatalf("shown, or all is hidden: %s", text)
		}
	})
}

func TestAccessPoliciesAreATree(t *testing.T) {
	t.Parallel()
	loaded, _, err := fromYAML(t, `
access_policies:
  repositories/file/file:
    statements:
      - {action: [list, retrieve], principal: authenticated, effect: allow, condition: "has_model_perms:file.view"}
    creation_hooks: []
    queryset_scoping: {function: scope_queryset}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"repositories/file/file": map[string]any{
		"statements":       []any{map[string]any{"action": []any{"list", "retrieve"}, "principal": "authenticated", "effect": "allow", "condition": "has_model_perms:file.view"}},
		"creation_hooks":   []any{},
		"queryset_scoping": map[string]any{"function": "scope_queryset"},
	}}
	if diff := cmp.Diff(want, loaded.Settings.AccessPolicies); diff != "" {
		t.Error(diff)
	}
}
