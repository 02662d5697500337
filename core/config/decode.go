package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// decodeInto fills a struct with the settings of one owner: the core ("") or a plugin. Nothing is converted on the
// way, since values have the right type already; a key without a field is an error.
func decodeInto(all leaves, owner string, target any) error {
	tree := map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		l := all[id]
		if l.setting.Plugin != owner {
			continue
		}
		key := l.setting.Key
		if owner != "" {
			key = strings.TrimPrefix(key, owner+".")
		}
		put(tree, append(strings.Split(key, "."), l.entry...), plain(l.value))
	}
	// The delimiter is one that no name holds, so koanf takes the tree as it is.
	k := koanf.New(entrySeparator)
	if err := k.Load(confmap.Provider(tree, ""), nil); err != nil {
		return fmt.Errorf("load the merged settings: %w", err)
	}
	err := k.UnmarshalWithConf("", target, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		TagName:     "koanf",
		ErrorUnused: true,
		ZeroFields:  true,
		DecodeHook:  mapstructure.DecodeHookFuncType(hide),
	}})
	if err != nil {
		return fmt.Errorf("decode the merged settings: %w", err)
	}
	return nil
}

func put(tree map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		below, ok := tree[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			tree[name] = below
		}
		tree = below
	}
	tree[path[len(path)-1]] = value
}

// carried takes a secret through koanf, which copies values deeply and would lose an unexported field.
type carried string

func plain(value any) any {
	switch v := value.(type) {
	case Secret:
		return carried(v.Reveal())
	case Instance:
		return func() Instance { return v } // functions are not copied
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return value
}

// hide turns a carried secret back into a Secret, and a carried instance into an Instance.
func hide(_, to reflect.Type, value any) (any, error) {
	if text, ok := value.(carried); ok && to == reflect.TypeFor[Secret]() {
		return NewSecret(string(text)), nil
	}
	if instance, ok := value.(func() Instance); ok && to == reflect.TypeFor[Instance]() {
		return instance(), nil
	}
	return value, nil
}

// decodePlugin fills the struct of a plugin and lets it check itself.
func (l *Loaded) decodePlugin(p Plugin) []error {
	if p.Settings == nil {
		return nil
	}
	reflect.ValueOf(p.Settings).Elem().SetZero()
	if err := decodeInto(l.leaves, p.Label, p.Settings); err != nil {
		return []error{err}
	}
	if check, ok := p.Settings.(interface{ Validate() error }); ok && slices.Contains(l.Enabled, p.Label) {
		if err := check.Validate(); err != nil {
			return []error{fmt.Errorf("%s: %w", p.Label, err)}
		}
	}
	return nil
}
