package federation

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	claims, err := ParseClaims([]byte(`{"sub":"repo:org/app:ref:refs/heads/main","n":12345678901234567890,"ok":true,"list":["a","b"],
		"realm":{"roles":["x"]},"https://id.example.org/groups":["g"],"nothing":null,"map":{"a":"b"},"a.b":"exact","a":{"b":"below"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claim, pattern string
		want           bool
	}{
		{"sub", "repo:org/app:ref:refs/heads/main", true},
		{"sub", "repo:org/*:ref:refs/heads/main", true},
		{"sub", "repo:org/*", false}, // a star stays within its segment
		{"sub", "repo:org/**", true},
		{"sub", "repo:org/app", false},
		{"sub", "REPO:org/**", false},
		{"sub", "*", false},
		{"sub", "**", true},
		{"sub", "repo.org/**", false}, // a dot is a dot
		{"n", "12345678901234567890", true}, {"n", "1234567890123456789*", true}, {"n", "12345678901234567891", false},
		{"ok", "true", true}, {"ok", "false", false},
		{"list", "b", true}, {"list", "c", false}, {"list", "a,b", false},
		{"realm.roles", "x", true}, {"realm.none", "**", false},
		{"https://id.example.org/groups", "g", true},
		{"missing", "**", false}, {"nothing", "**", false}, {"map", "**", false},
		{"a.b", "exact", true}, {"a.b", "below", false},
	} {
		conditions, err := ParseConditions(map[string]string{c.claim: c.pattern})
		if err != nil || conditions.Met(claims) != c.want {
			t.Errorf("%s: %q is met: %v, %v", c.claim, c.pattern, !c.want, err)
		}
	}
	all, err := ParseConditions(map[string]string{"ok": "true", "list": "c"})
	if err != nil || all.Met(claims) {
		t.Errorf("one of two conditions is enough, %v", err)
	}
}

func TestConditionsThatSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	for claim, pattern := range map[string]string{"": "x", "sub": "", "utf": "\xff"} {
		if _, err := ParseConditions(map[string]string{claim: pattern}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %q is taken, %v", claim, pattern, err)
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add(`{"a":["b",1,true,null,{}]}`, "a", "b*")
	f.Add(`{"a":{"b":"c"}}`, "a.b", "**c")
	f.Add(`[]`, "", "")
	f.Fuzz(func(t *testing.T, payload, name, pattern string) {
		claims, err := ParseClaims([]byte(payload))
		if (err == nil) != (claims != nil) || err == nil && !json.Valid([]byte(payload)) {
			t.Fatalf("%q gives %v, %v", payload, claims, err)
		}
		conditions, err := ParseConditions(map[string]string{name: pattern})
		if err != nil {
			return
		}
		met := conditions.Met(claims)
		if texts := claims.Texts(name); !strings.Contains(pattern, "*") && met != slices.Contains(texts, pattern) {
			t.Fatalf("%q against %q: %v", texts, pattern, met)
		}
	})
}
