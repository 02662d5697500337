package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Setting describes one setting, for the manual, for `config schema` and for the readers of this package.
type Setting struct {
	// Key is the name with its sections, such as "storage.s3.bucket".
	Key string `json:"key"`
	// Type is the type in words, such as "list of text" or "text or null".
	Type string `json:"type"`
	// Default is the default as one would write it in the environment, or what it follows from.
	Default string `json:"default"`
	// Doc is one line for the manual.
	Doc string `json:"doc"`
	// Secret tells that the value is masked; for an address only its password is.
	Secret bool `json:"secret"`
	// Nullable tells that null is a value; elsewhere null means "back to the default".
	Nullable bool `json:"nullable"`
	// Env is the name of the environment variable.
	Env string `json:"env"`
	// Plugin is the label of the plugin that owns the setting; empty for the core.
	Plugin string `json:"plugin,omitempty"`

	kind, elem kind
	def        any // typed default; a map as entries
	url, path  bool
	derived    bool
	index      []int // field in Settings
}

// Plugin is what a plugin contributes to the settings.
type Plugin struct {
	// Label is the name of the plugin and of its section.
	Label string
	// Settings is a pointer to a struct with the tags that Settings describes, or nil. Defaults come from the tags
	// alone; Load overwrites what the struct holds. A Validate() error method on it is called after that.
	Settings any
	// Overlay holds other defaults for existing keys, dotted or nested. It applies only while the plugin is enabled,
	// may not touch enabled_plugins, and may not replace a whole map that the plugin does not own.
	Overlay map[string]any
}

// Schema lists all settings of the core and of the plugins, in the order of declaration.
func Schema(plugins ...Plugin) []Setting {
	s := newSchema(plugins)
	out := make([]Setting, 0, len(s.order))
	for _, key := range s.order {
		out = append(out, *s.settings[key])
	}
	return out
}

const envPrefix = "PACKHOUSE_"

// schema is the set of known keys.
type schema struct {
	order    []string
	settings map[string]*Setting
	sections map[string]bool
	byEnv    map[string]*Setting
}

// newSchema reads the structs. It panics when a struct or a label cannot be used, since that is a mistake in the code.
func newSchema(plugins []Plugin) *schema {
	s := &schema{settings: map[string]*Setting{}, sections: map[string]bool{}, byEnv: map[string]*Setting{}}
	s.addStruct("", "", reflect.TypeFor[Settings](), nil)
	labels := map[string]bool{}
	for _, p := range plugins {
		if !labelForm().MatchString(p.Label) || labels[p.Label] || s.settings[p.Label] != nil || s.sections[p.Label] {
			panic(fmt.Sprintf("config: the plugin label %q is malformed or taken", p.Label))
		}
		labels[p.Label] = true
		if p.Settings == nil {
			continue
		}
		t := reflect.TypeOf(p.Settings)
		if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || reflect.ValueOf(p.Settings).IsNil() {
			panic(fmt.Sprintf("config: the settings of plugin %q must be a pointer to a struct", p.Label))
		}
		s.sections[p.Label] = true
		s.addStruct(p.Label, p.Label+".", t.Elem(), nil)
	}
	return s
}

func labelForm() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`) }

func (s *schema) addStruct(owner, prefix string, t reflect.Type, index []int) {
	for i := range t.NumField() {
		field := t.Field(i)
		key := prefix + field.Tag.Get("koanf")
		if !field.IsExported() || !labelForm().MatchString(field.Tag.Get("koanf")) {
			panic(fmt.Sprintf("config: field %s.%s must be exported and have a koanf tag in lower case", t, field.Name))
		}
		at := append(slices.Clone(index), i)
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[Secret]() {
			s.sections[key] = true
			s.addStruct(owner, key+".", field.Type, at)
			continue
		}
		s.add(newSetting(owner, key, field, at))
	}
}

func (s *schema) add(set *Setting) {
	if s.settings[set.Key] != nil || s.sections[set.Key] || s.byEnv[set.Env] != nil {
		panic(fmt.Sprintf("config: setting %s or its variable %s is declared twice", set.Key, set.Env))
	}
	s.settings[set.Key], s.byEnv[set.Env] = set, set
	s.order = append(s.order, set.Key)
}

// newSetting reads one field and checks that its tags fit its type.
func newSetting(owner, key string, field reflect.StructField, index []int) *Setting {
	tag := field.Tag
	set := &Setting{Key: key, Doc: tag.Get("doc"), Plugin: owner, index: index, path: tag.Get("path") == "true"}
	set.Env = envPrefix + strings.ToUpper(strings.NewReplacer(".", "__", "-", "_").Replace(key))
	set.kind, set.elem, set.Nullable = kindOf(field.Type)
	set.Nullable = set.Nullable || tag.Get("nullable") == "true"
	set.Secret, set.url = tag.Get("secret") != "", tag.Get("secret") == "url"
	set.Type = set.typeName()
	if hides := set.kind == kindSecret || set.elem == kindSecret; set.kind == kindNone || hides != set.Secret || set.Doc == "" {
		panic(fmt.Sprintf("config: %s: type %s cannot be a setting, or it lacks a doc tag, or its secret tag does not fit", key, field.Type))
	}
	set.Default, set.derived = tag.Get("default"), tag.Get("derived") != ""
	def, err := set.defaultValue(tag)
	if err != nil {
		panic(fmt.Sprintf("config: %s: the default tag is not %s", key, set.kind.expected(set.elem)))
	}
	set.def = def
	if set.derived {
		set.Default = tag.Get("derived")
	} else if set.Nullable && set.Default == "" {
		set.Default = "null"
	}
	return set
}

func (set *Setting) defaultValue(tag reflect.StructTag) (any, error) {
	text, has := tag.Lookup("default")
	switch {
	case !has && set.Nullable:
		return nil, nil
	case !has:
		return set.kind.zero(), nil
	case set.kind == kindMap || set.elem == kindInstance:
		return nil, fmt.Errorf("maps and instances have no default tag") // nobody needed one yet
	}
	return set.fromText(text)
}

func (set *Setting) typeName() string {
	name := string(set.kind)
	if set.kind == kindList || set.kind == kindMap {
		name += " of " + string(set.elem)
	}
	if set.elem == kindInstance {
		name = "list of instances"
	}
	if set.Nullable {
		name += " or null"
	}
	return name
}

// kindOf maps a Go type to a kind, the kind of its elements, and whether it is a pointer.
func kindOf(t reflect.Type) (of, elem kind, nullable bool) {
	switch {
	case t == reflect.TypeFor[Secret]():
		return kindSecret, kindNone, false
	case t == reflect.TypeFor[time.Duration]():
		return kindDuration, kindNone, false
	case t == reflect.TypeFor[[]Instance]():
		return kindList, kindInstance, false
	case t.Kind() == reflect.Slice:
		of, elem = kindList, scalarOf(t.Elem())
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		of, elem = kindMap, scalarOf(t.Elem())
	case t.Kind() == reflect.Pointer:
		return scalarOf(t.Elem()), kindNone, true
	default:
		return scalarOf(t), kindNone, false
	}
	if elem == kindNone || of == kindList && elem == kindAny {
		of = kindNone
	}
	return of, elem, false
}

func scalarOf(t reflect.Type) kind {
	switch {
	case t == reflect.TypeFor[Secret]():
		return kindSecret
	case t == reflect.TypeFor[any]():
		return kindAny
	case t == reflect.TypeFor[time.Duration]():
		return kindDuration
	}
	switch t.Kind() {
	case reflect.String:
		return kindText
	case reflect.Bool:
		return kindBool
	case reflect.Int, reflect.Int64:
		return kindInt
	case reflect.Float64:
		return kindFloat
	}
	return kindNone
}
