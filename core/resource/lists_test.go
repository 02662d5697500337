package resource

import (
	"slices"
	"testing"
)

// lists has a member of each sort that null leaves as it is.
type lists struct {
	texts   []string
	objects []Object
}

func TestNullKeepsAList(t *testing.T) {
	t.Parallel()
	fields := []Field[lists]{
		TextList("texts", func(m *lists) *[]string { return &m.texts }, func(m *lists) []string { return m.texts }),
		ReferenceList("objects", func(m *lists) *[]Object { return &m.objects }, func(*Show, *lists) {}),
	}
	for _, how := range []mode{create, replace, patch} {
		m := &lists{texts: []string{"a"}, objects: []Object{{}}}
		err := decode(&Input{}, fields, Body{Values: map[string]any{"texts": nil, "objects": nil}}, m, how, false)
		if err != nil || !slices.Equal(m.texts, []string{"a"}) || len(m.objects) != 1 {
			t.Errorf("%v: null left %+v, %v", how, m, err)
		}
		err = decode(&Input{}, fields, Body{Values: map[string]any{"texts": []any{}, "objects": []any{}}}, m, how, false)
		if err != nil || m.texts == nil || len(m.texts) != 0 || m.objects == nil || len(m.objects) != 0 {
			t.Errorf("%v: an empty list left %+v, %v", how, m, err)
		}
	}
}
