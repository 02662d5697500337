package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Step is what one layer did to one value.
type Step struct {
	Origin Origin `json:"origin"`
	Op     Op     `json:"op"`
	// Value is the value after the step as it was written, fit to be printed: secrets are masked.
	Value any `json:"value"`
}

// Row is one value in effect.
type Row struct {
	Key string `json:"key"`
	// Value is fit to be printed: secrets are masked.
	Value  any    `json:"value"`
	Origin Origin `json:"origin"`
	// Default tells that no operator chose the value.
	Default bool `json:"default"`
}

// Text gives the value for a table: lists and maps as JSON, null as "null".
func (r Row) Text() string {
	if text, ok := r.Value.(string); ok {
		return text
	}
	data, err := json.Marshal(r.Value)
	if err != nil {
		return fmt.Sprint(r.Value)
	}
	return string(data)
}

// Explain gives the history of one value, lowest layer first; the last step is the one in effect. A map has one
// history per entry, asked for as "key.entry". It gives nil for an unknown key.
func (l *Loaded) Explain(key string) []Step {
	for _, leaf := range l.leaves {
		if leaf.name() == key {
			return slices.Clone(leaf.steps)
		}
	}
	return nil
}

// Rows gives all values in the order of declaration, a map entry by entry; one without entries is one row.
func (l *Loaded) Rows() []Row {
	byKey := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(l.leaves)) {
		key := l.leaves[id].setting.Key
		byKey[key] = append(byKey[key], id)
	}
	var rows []Row
	for _, key := range l.schema.order {
		if l.schema.settings[key].kind == kindMap && len(byKey[key]) == 0 {
			rows = append(rows, Row{Key: key, Value: map[string]any{}, Origin: Origin{Layer: LayerDefault}, Default: true})
		}
		for _, id := range byKey[key] {
			leaf := l.leaves[id]
			rows = append(rows, Row{Key: leaf.name(), Value: display(leaf.setting, leaf.value), Origin: leaf.origin(), Default: leaf.isDefault()})
		}
	}
	return rows
}

// noteDerived adds to the trail what WithDefaults filled in.
func (l *Loaded) noteDerived() {
	for _, leaf := range l.leaves {
		if !leaf.setting.derived || leaf.setting.Plugin != "" || !isEmpty(leaf.value) {
			continue
		}
		value := reflect.ValueOf(l.Settings).FieldByIndex(leaf.setting.index).Interface()
		if !isEmpty(value) {
			leaf.set(value, Set, Origin{Layer: LayerDefault, Where: "below data_dir"})
		}
	}
}

func isEmpty(value any) bool {
	secret, ok := value.(Secret)
	return value == "" || ok && secret.Empty()
}

// display makes a value fit to be printed.
func display(set *Setting, value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case Secret:
		if set.url {
			return v.RedactedURL()
		}
		return v.String()
	case time.Duration:
		return v.String()
	}
	if set.Secret {
		return Mask
	}
	return value
}

// Under tells whether the row is the key or lies in the section or map of that name, for `config show KEY`.
func (r Row) Under(key string) bool { return r.Key == key || strings.HasPrefix(r.Key, key+".") }
