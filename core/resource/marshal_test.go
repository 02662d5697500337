package resource

import (
	"encoding/json"
	"testing"
)

func TestAnswersHoldAddressesAsTheyAre(t *testing.T) {
	t.Parallel()
	const address = `http://h/x?a=1&b=<é>`
	for _, v := range []any{address, map[string]any{"urls": map[string]string{"logs": address}}, json.RawMessage(`"` + address + `"`)} {
		want := `"` + address + `"`
		if _, is := v.(map[string]any); is {
			want = `{"urls":{"logs":` + want + `}}`
		}
		if got, err := Marshal(v); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
		var s Show
		s.Value(v)
		if string(s.Bytes()) != want {
			t.Errorf("shown: %s, want %s", s.Bytes(), want)
		}
	}
	var s Show
	s.String(address)
	if string(s.Bytes()) != `"`+address+`"` {
		t.Errorf("shown: %s", s.Bytes())
	}
	if _, err := Marshal(make(chan int)); err == nil {
		t.Error("a channel became JSON")
	}
}
