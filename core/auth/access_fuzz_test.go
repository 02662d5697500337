package auth

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{"has_model_perms:a.b", "has_required_repo_perms_on_upload:file.modify_filerepository", "has_repo_attr_model_or_domain_or_obj_perms:a.b", "has__perms:a.b", ":", "has_obj_perms"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err != nil {
			return
		}
		if _, ok := Rule(c.permission).Permission(); !ok || !(c.model || c.domain || c.object) || c.text != text || !strings.HasSuffix(text, ":"+c.permission) {
			t.Errorf("%q: %+v", text, c)
		}
	})
}

func FuzzStatement(f *testing.F) {
	for _, seed := range []string{`{"action":"list","principal":"admin","effect":"allow"}`, `{"action":["a","b"],"principal":["id:1","group:x"],"effect":"deny","condition":["has_model_perms:a.b"]}`, `{"action":null}`, `[]`, `{"EFFECT":"deny","effect":"allow"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Statement
		if json.Unmarshal([]byte(text), &s) != nil || s.check() != nil {
			return
		}
		out, err := json.Marshal(s)
		if err == nil {
			err = json.Unmarshal(out, &again)
		}
		if err != nil || len(s.Condition) > 0 && !reflect.DeepEqual(s, again) {
			t.Errorf("%s became %s: %v", text, out, err)
		}
	})
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"*.*", "file.view_*", "core.view_artifact", "*", "a.b.c", "f*.v*"} {
		f.Add(seed, "file.view_filerepository")
	}
	f.Fuzz(func(t *testing.T, pattern, permission string) {
		s := &Scope{Permissions: []string{pattern}}
		if s.Check() != nil {
			return
		}
		whole := &Scope{Permissions: []string{"*.*"}}
		if s.Allows(permission, "") && !whole.Allows(permission, "") {
			t.Errorf("%q allows %q, and *.* does not", pattern, permission)
		}
		if !strings.Contains(pattern, "*") && s.Allows(permission, "") != (pattern == permission) {
			t.Errorf("%q allows %q", pattern, permission)
		}
		if (&Scope{}).Allows(permission, "") {
			t.Errorf("no pattern allows %q", permission)
		}
	})
}
