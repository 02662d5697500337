package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestGroupsThatSettingsName(t *testing.T) {
	t.Parallel()
	provider := Instance{Name: "sso", Type: "oidc", Parameters: map[string]any{"client_id": "id", "groups": map[string]any{"dev": "developers", "ops": Source{Env: "OPS", environ: fixed("operators")}}}}
	team := Instance{Name: "team", Type: "group_required", Parameters: map[string]any{
		"file.filerepository": map[string]any{"delete": []any{"packers", "chiefs", 7, nil}}, "a_token": NewSecret("hunter2"), "b_token": Source{Env: "X", environ: fixed("hunter3")},
		"more": map[string]any{"password": Source{Env: "X", environ: fixed("hunter4")}}, "one": Source{Env: "ONE", environ: fixed("ones")},
	}}
	var s Settings
	s.Authentication.LDAP.GroupMap = map[string]string{"cn=directory": "staff"}
	s.Authentication.LDAP.SuperuserGroup, s.Authentication.LDAP.RequiredGroup = "super", "required" // groups of the directory
	s.Authentication.OIDC, s.Authorizers = []Instance{provider}, []Instance{team}
	s.TaskLimits.Groups = map[string]int{"capped": 3}
	names, err := s.GroupNames()
	if got := strings.Join(slices.Sorted(maps.Keys(names)), " "); err != nil || got != "capped chiefs delete developers ones operators packers password staff" {
		t.Errorf("%q, %v", got, err)
	}
	for _, broken := range []*Instance{&s.Authorizers[0], &s.Authentication.OIDC[0]} {
		before := broken.Parameters
		broken.Parameters = map[string]any{"groups": map[string]any{"a": Source{Env: "GONE", environ: func(string) (string, bool) { return "", false }}}}
		if names, err := s.GroupNames(); err == nil || names != nil || !strings.Contains(err.Error(), "GONE") {
			t.Errorf("%s: what cannot be read became %v, %v", broken.Name, names, err)
		}
		broken.Parameters = before
	}
	if names, err := (Settings{}).GroupNames(); err != nil || len(names) != 0 {
		t.Errorf("no settings: %v, %v", names, err)
	}
}

func fixed(text string) func(string) (string, bool) {
	return func(string) (string, bool) { return text, true }
}
