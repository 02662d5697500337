package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/model"
)

// thing has a member of each sort.
type thing struct {
	name   string
	note   *string
	count  *int64
	on     bool
	kept   bool
	labels model.Labels
	secret *string
	shown  string
}

func thingFields() []Field[thing] {
	return []Field[thing]{
		Text("name", func(m *thing) *string { return &m.name }).Required(),
		NullText("note", func(m *thing) **string { return &m.note }).Default("usual"),
		NullInt("count", 1, func(m *thing) **int64 { return &m.count }),
		Bool("on", func(m *thing) *bool { return &m.on }).Default(true),
		Bool("kept", func(m *thing) *bool { return &m.kept }).Default(true).Optional(),
		Labels(func(m *thing) *model.Labels { return &m.labels }),
		NullText("secret", func(m *thing) **string { return &m.secret }).WriteOnly(),
		Text("shown", func(m *thing) *string { return &m.shown }).ReadOnly(),
		Computed("made", stringSchema(), func(s *Show, _ *thing) { s.String("up") }),
	}
}

// TestDecode reads bodies over a thing that has everything set; "create" begins with a new one.
func TestDecode(t *testing.T) {
	t.Parallel()
	const stored = `{"name":"n","note":"x","count":5,"on":false,"kept":false,"labels":{"a":"b"},"secret":"s"}`
	for name, c := range map[string]struct {
		how        mode
		form       bool
		body, want string
	}{
		"create":                {create, false, `{"name":"a"}`, `{"name":"a","note":"usual","count":null,"on":true,"kept":true,"labels":{},"secret":null}`},
		"create by form":        {create, true, `{"name":"a"}`, `{"name":"a","note":"usual","count":null,"on":false,"kept":true,"labels":{},"secret":null}`},
		"create with nulls":     {create, false, `{"name":"a","note":null,"count":null}`, `{"name":"a","note":null,"count":null,"on":true,"kept":true,"labels":{},"secret":null}`},
		"create by form, blank": {create, true, `{"name":"a","note":"","count":"","labels":"{\"x\":null}"}`, `{"name":"a","note":null,"count":null,"on":false,"kept":true,"labels":{"x":null},"secret":null}`},
		"repeated in a form":    {create, true, `{"name":["a","b"],"on":["false","true"]}`, `{"name":"b","note":"usual","count":null,"on":true,"kept":true,"labels":{},"secret":null}`},
		"read-only":             {create, false, `{"name":"a","shown":5,"made":[]}`, `{"name":"a","note":"usual","count":null,"on":true,"kept":true,"labels":{},"secret":null}`},
		"create without":        {create, false, `{}`, `{"name":["This field is required."]}`},
		"unknown":               {create, false, `{"name":"a","foo.bar":1}`, `{"foo":["Unexpected field"]}`},
		"several faults":        {create, false, `{"name":"","count":0,"labels":5}`, `{"count":["Ensure this value is greater than or equal to 1."],"name":["This field may not be blank."],"pulp_labels":["Expected a dictionary of items."]}`},
		"replace":               {replace, false, `{"name":"a"}`, `{"name":"a","note":"usual","count":5,"on":true,"kept":true,"labels":{},"secret":"s"}`},
		"replace by form":       {replace, true, `{"name":"a"}`, `{"name":"a","note":"usual","count":5,"on":false,"kept":true,"labels":{},"secret":"s"}`},
		"replace without":       {replace, false, `{"note":"y"}`, `{"name":["This field is required."]}`},
		"patch nothing":         {patch, false, `{}`, stored},
		"patch by form":         {patch, true, `{"note":"y"}`, `{"name":"n","note":"y","count":5,"on":false,"kept":false,"labels":{"a":"b"},"secret":"s"}`},
		"patch clears":          {patch, false, `{"note":null,"secret":null,"pulp_labels":{}}`, `{"name":"n","note":null,"count":5,"on":false,"kept":false,"labels":{},"secret":null}`},
	} {
		m := &thing{}
		if c.how != create {
			m = &thing{name: "n", note: ptr("x"), count: ptr(int64(5)), labels: model.Labels{"a": ptr("b")}, secret: ptr("s")}
		}
		body := Body{Form: c.form}
		values, err := decodeJSON([]byte(strings.ReplaceAll(c.body, `"labels"`, `"pulp_labels"`)))
		if err != nil {
			t.Fatal(err)
		}
		body.Values = values.(map[string]any)
		var got string
		if err := decode(&Input{Form: c.form}, thingFields(), body, m, c.how, false); err != nil {
			fault, _ := messages(err)
			text, _ := json.Marshal(fault)
			got = string(text)
		} else {
			got = wire(m)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func wire(m *thing) string {
	labels := m.labels
	if labels == nil {
		labels = model.Labels{}
	}
	text, _ := json.Marshal(struct {
		Name   string       `json:"name"`
		Note   *string      `json:"note"`
		Count  *int64       `json:"count"`
		On     bool         `json:"on"`
		Kept   bool         `json:"kept"`
		Labels model.Labels `json:"labels"`
		Secret *string      `json:"secret"`
	}{m.name, m.note, m.count, m.on, m.kept, labels, m.secret})
	return string(text)
}

func ptr[T any](v T) *T { return &v }

func TestMembersAreWritten(t *testing.T) {
	t.Parallel()
	p := (&Of[thing]{Fields: thingFields()}).prepare(&Env{})
	got := string(p.object(Names{}, &thing{name: "a\"ä", shown: "x"}, selection{}))
	if want := `{"name":"a\"ä","note":null,"count":null,"on":false,"kept":false,"pulp_labels":{},"shown":"x","made":"up"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if p.changed(&thing{}, &thing{labels: model.Labels{}}) || !p.changed(&thing{}, &thing{note: ptr("")}) {
		t.Error("what is the same on the wire is no change, and everything else is one")
	}
}
