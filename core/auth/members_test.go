package auth

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestMembersOfPoliciesAreNamedExactly: what is read as a rule must be what a person reads.
func TestMembersOfPoliciesAreNamedExactly(t *testing.T) {
	t.Parallel()
	for text, fault := range map[string]string{
		`{"action":["list"],"principal":"admin","effect":"allow","condition":null}`:  "",
		`{"action":"list","principal":"admin","Effect":"allow"}`:                     `no member "Effect"`,
		`{"action":"list","principal":"admin","effect":"deny","Effect":"allow"}`:     `no member "Effect"`,
		`{"action":"list","PRINCIPAL":"admin","effect":"allow"}`:                     `no member "PRINCIPAL"`,
		`{"action":"list","principal":"admin","effect":"allow","conditions":[]}`:     `no member "conditions"`,
		`{"action":"list","principal":"admin","effect":"allow","condıtion":"x"}`:     "no member",
		`{"action":"list","principal":"admin","effect":"allow","principal\u0020":1}`: "no member",
		`"allow"`: "cannot unmarshal",
	} {
		var s Statement
		told(t, text, json.Unmarshal([]byte(text), &s), fault)
	}
	for text, fault := range map[string]string{
		`{"function":"add_roles_for_object_creator","parameters":{"roles":"r"}}`: "",
		`{"Function":"add_roles_for_object_creator"}`:                            `no member "Function"`,
		`{"function":"add_roles_for_object_creator","Parameters":{}}`:            `no member "Parameters"`,
		`{"function":"add_roles_for_object_creator","roles":["r"]}`:              `no member "roles"`,
	} {
		var h Hook
		told(t, text, json.Unmarshal([]byte(text), &h), fault)
		_, err := ReadPolicies(map[string]any{"things": map[string]any{"creation_hooks": []any{json.RawMessage(text)}}}, declared())
		told(t, "in the settings: "+text, err, fault)
	}
}

// told checks that an error says the words, or is none where there are no words.
func told(t *testing.T, about string, err error, words string) {
	t.Helper()
	if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
		t.Errorf("%s: %v, want %q", about, err, words)
	}
}
