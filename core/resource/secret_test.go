package resource

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
)

// safe has a secret of each sort, and values that databases keep in a form of their own.
type safe struct {
	key, password []byte
	ratio         *float64
	extra         model.JSON
}

func safeFields() []Field[safe] {
	key, password := Secret("key", "test.key", func(m *safe) *[]byte { return &m.key }), Password("password", "test.password", func(m *safe) *[]byte { return &m.password })
	return []Field[safe]{key, password, HiddenFields(key, password),
		NullFloat("ratio", 0, func(m *safe) **float64 { return &m.ratio }),
		JSONOf("extra", Schema{"type": "object"}, func(m *safe) *model.JSON { return &m.extra }, func(model.JSON) error { return nil })}
}

func TestSecretsAreSealedAndNotShown(t *testing.T) {
	t.Parallel()
	box, err := secret.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := (&Of[safe]{Fields: safeFields()}).prepare(&Env{})
	m := &safe{}
	lay := func(how mode, text string) (changed bool, fault string) {
		t.Helper()
		values, err := decodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		old := p.clone(m)
		if err := decode(&Input{Box: box}, p.Fields, Body{Values: values.(map[string]any)}, m, how, false); err != nil {
			told, err := messages(err)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(told)
			return false, string(text)
		}
		return p.changed(old, m), ""
	}
	for i, c := range []struct {
		how        mode
		body       string
		changes    bool
		key, words string
	}{
		{create, `{"key":" key-number-one ","password":" pass-number-one ","ratio":1,"extra":{"a":1,"b":2}}`, true, "key-number-one", " pass-number-one "},
		{patch, `{"key":"key-number-one","password":" pass-number-one ","ratio":"1.0","extra":{"b":2,"a":1}}`, false, "key-number-one", " pass-number-one "},
		{replace, `{}`, false, "key-number-one", " pass-number-one "},
		{patch, `{"password":"pass-number-one"}`, true, "key-number-one", "pass-number-one"},
		{patch, `{"key":null,"ratio":0.5}`, true, "", "pass-number-one"},
		{patch, `{"key":null}`, false, "", "pass-number-one"},
	} {
		changed, fault := lay(c.how, c.body)
		if fault != "" || changed != c.changes {
			t.Errorf("%d: changed is %v, want %v (%s)", i, changed, c.changes, fault)
		}
		for name, want := range map[string]string{"key": c.key, "password": c.words} {
			sealed := map[string][]byte{"key": m.key, "password": m.password}[name]
			if bytes.Contains(sealed, []byte("key-number-one")) || bytes.Contains(sealed, []byte("pass-number-one")) {
				t.Errorf("%d: %s is stored as it was sent", i, name)
			}
			if want == "" {
				if sealed != nil {
					t.Errorf("%d: %s is not cleared", i, name)
				}
				continue
			}
			if plain, err := box.Open("test."+name, sealed); err != nil || string(plain) != want {
				t.Errorf("%d: %s is %q (%v), want %q", i, name, plain, err, want)
			}
		}
	}
	want := `{"hidden_fields":[{"name":"key","is_set":false},{"name":"password","is_set":true}],"ratio":0.5,"extra":{"a":1,"b":2}}`
	if got := string(p.object(Names{}, m, selection{})); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, body := range []string{`{"key":""}`, `{"password":""}`, `{"key":[]}`, `{"password":{"pass-number-one":1}}`, `{"key":"a\u0000key-number-one"}`} {
		if _, fault := lay(patch, body); fault == "" || strings.Contains(fault, "key-number-one") || strings.Contains(fault, "pass-number-one") {
			t.Errorf("%s: told %q", body, fault)
		}
	}
}

func TestASecretWhoseKeyIsLostCanBeSetAgain(t *testing.T) {
	t.Parallel()
	old, _ := secret.New(bytes.Repeat([]byte{1}, 32))
	box, _ := secret.New(bytes.Repeat([]byte{2}, 32))
	sealed, err := old.Seal("test.key", []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(sealed)
	if err := (&Input{Box: box}).seal("test.key", "k", &sealed); err != nil || bytes.Equal(before, sealed) {
		t.Errorf("the secret stays as it was: %v", err)
	}
	if err := (&Input{}).seal("test.key", "k", &sealed); err == nil {
		t.Error("a secret was stored without a key")
	}
}

func TestFloatsAreWrittenAsFloats(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{0: "0.0", 5: "5.0", 1.5: "1.5", 1e300: "1e+300", 300: "300.0"} {
		s := &Show{}
		s.Float(n)
		if string(s.Bytes()) != want {
			t.Errorf("%v is written %s, want %s", n, s.Bytes(), want)
		}
	}
}
