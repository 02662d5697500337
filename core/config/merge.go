package config

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// entrySeparator stands between the names inside a leaf id. Entries of maps may hold dots (host names do), so a dot
// cannot. It cannot be typed into a file by accident, and the reader refuses it.
const entrySeparator = "\x1f"

// leaves are the values by id. A setting that is a map has one leaf per entry.
type leaves map[string]*leaf

// leaf is one value with its history, lowest layer first.
type leaf struct {
	setting *Setting
	entry   []string
	value   any
	steps   []Step
}

func leafID(set *Setting, entry []string) string {
	return strings.Join(append([]string{set.Key}, entry...), entrySeparator)
}

func (l *leaf) origin() Origin { return l.steps[len(l.steps)-1].Origin }

// isDefault tells whether no operator chose the value.
func (l *leaf) isDefault() bool {
	last := l.steps[len(l.steps)-1]
	return last.Op == Reset || last.Origin.Layer == LayerDefault || last.Origin.Layer == LayerPlugin
}

// name is the key for people.
func (l *leaf) name() string { return strings.Join(append([]string{l.setting.Key}, l.entry...), ".") }

// set changes the value and remembers why.
func (l *leaf) set(value any, op Op, origin Origin) {
	l.value = value
	l.steps = append(l.steps, Step{Origin: origin, Op: op, Value: display(l.setting, value)})
}

// merge applies the layers one after the other.
type merge struct {
	leaves leaves
	// base is what null goes back to: defaults and overlays.
	base leaves
}

// newMerge starts with the defaults of the tags.
func newMerge(s *schema) *merge {
	m := &merge{leaves: leaves{}}
	for _, set := range s.settings {
		if set.kind != kindMap {
			l := &leaf{setting: set}
			l.set(set.def, Set, Origin{Layer: LayerDefault})
			m.leaves[set.Key] = l
		}
	}
	return m
}

// freeze remembers the present state as the defaults.
func (m *merge) freeze() {
	m.base = leaves{}
	for id, l := range m.leaves {
		kept := *l
		m.base[id] = &kept
	}
}

func (m *merge) apply(given []assignment) {
	for _, a := range given {
		switch {
		case a.op == Reset:
			m.reset(a)
		case a.op == Replace:
			m.dropBelow(a.id())
		case a.op == Remove && a.setting.kind == kindMap:
			for _, name := range a.value.([]any) {
				id := leafID(a.setting, []string{name.(string)})
				delete(m.leaves, id)
				m.dropBelow(id)
			}
		default:
			m.assign(a)
		}
	}
}

// assign sets one leaf, or changes one list.
func (m *merge) assign(a assignment) {
	id := a.id()
	for i := 1; i < len(a.entry); i++ { // a value gives way to a map of the same name
		delete(m.leaves, leafID(a.setting, a.entry[:i]))
	}
	m.dropBelow(id) // and a map to a value
	l := m.leaves[id]
	if l == nil {
		l = &leaf{setting: a.setting, entry: a.entry}
		m.leaves[id] = l
	}
	old, _ := l.value.([]any)
	change, _ := a.value.([]any)
	contains := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(o any) bool { return reflect.DeepEqual(o, v) })
	}
	switch a.op {
	case Append:
		value := slices.Clone(old)
		for _, v := range change {
			if !contains(value, v) {
				value = append(value, v)
			}
		}
		l.set(value, Append, a.origin)
	case Remove:
		named := func(v any) bool {
			one, ok := v.(Instance)
			return ok && contains(change, Instance{Name: one.Name})
		}
		value := slices.DeleteFunc(slices.Clone(old), func(v any) bool { return contains(change, v) || named(v) })
		l.set(value, Remove, a.origin)
	default:
		l.set(a.value, Set, a.origin)
	}
}

// reset brings back the defaults of a setting or of one entry of a map.
func (m *merge) reset(a assignment) {
	id := a.id()
	if a.setting.kind == kindMap {
		delete(m.leaves, id)
		m.dropBelow(id)
	}
	for base, l := range m.base {
		if base != id && !strings.HasPrefix(base, id+entrySeparator) {
			continue
		}
		now := m.leaves[base]
		if now == nil {
			kept := *l
			now = &kept
			now.steps = slices.Clone(l.steps)
			m.leaves[base] = now
		}
		now.set(l.value, Reset, a.origin)
	}
}

// dropBelow removes the entries of a map.
func (m *merge) dropBelow(id string) {
	maps.DeleteFunc(m.leaves, func(other string, _ *leaf) bool { return strings.HasPrefix(other, id+entrySeparator) })
}

// resolvePaths makes files and folders absolute.
func (m *merge) resolvePaths(dir string) {
	absolute := func(value any) any {
		if text, ok := value.(string); ok && text != "" && !filepath.IsAbs(text) {
			return filepath.Join(dir, text)
		} else if ok && text != "" {
			return filepath.Clean(text)
		}
		return value
	}
	for _, l := range m.leaves {
		if !l.setting.path {
			continue
		}
		if list, ok := l.value.([]any); ok {
			list = slices.Clone(list)
			for i := range list {
				list[i] = absolute(list[i])
			}
			l.value = list
			continue
		}
		l.value = absolute(l.value)
	}
}
