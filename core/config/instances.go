package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// instances reads a list of named instances, or for Remove the names of some. It notes the faults itself, each at the
// line it is about; ok tells that there was none.
func (r *reader) instances(set *Setting, op Op, node *yaml.Node) (values []any, ok bool) {
	before := len(r.faults)
	if node.Kind != yaml.SequenceNode {
		r.fault(node, set.Key, "expected %s, not %s", set.kind.expected(set.elem), describe(node))
		return nil, false
	}
	lines := map[string]*yaml.Node{}
	values = make([]any, 0, len(node.Content))
	for _, item := range node.Content {
		if op == Remove {
			values = append(values, Instance{Name: r.nameOf(set, item)})
			continue
		}
		one := r.instance(set, item)
		if first := lines[one.Name]; first != nil && one.Name != "" {
			r.fault(item, set.Key, "an instance is already called %q at %s; give each a name of its own", one.Name, r.origin(first))
		}
		lines[one.Name] = item
		values = append(values, one)
	}
	return values, len(r.faults) == before
}

// instance reads {name, type, parameters}.
func (r *reader) instance(set *Setting, node *yaml.Node) (one Instance) {
	one.Parameters = map[string]any{}
	if node.Kind != yaml.MappingNode {
		r.fault(node, set.Key, "expected a map with name, type and parameters, not %s", describe(node))
		return one
	}
	r.distinct(node, set.Key+".", strings.ToLower)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch strings.ToLower(key.Value) {
		case "name":
			one.Name = r.nameOf(set, value)
		case "type":
			one.Type = r.nameOf(set, value)
		case "parameters":
			if isNull(value) {
				continue
			}
			if value.Kind != yaml.MappingNode {
				r.fault(value, set.Key, "expected a map of parameters, not %s", describe(value))
				continue
			}
			one.Parameters, _ = r.parameter(set, "", value, 0).(map[string]any)
		default:
			r.fault(key, set.Key, "an instance has name, type and parameters; write %s below parameters", describeKey(key))
		}
	}
	if !hasKey(node, "name") || !hasKey(node, "type") {
		r.fault(node, set.Key, "an instance needs a name and a type")
	}
	return one
}

// nameOf reads a name or a type.
func (r *reader) nameOf(set *Setting, node *yaml.Node) string {
	plain := node.Kind == yaml.ScalarNode && slices.Contains([]string{"!!str", "!!int"}, node.ShortTag())
	if !plain || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`).MatchString(node.Value) {
		r.fault(node, set.Key, "names and types of instances hold letters, digits, dots, hyphens and underscores only")
		return ""
	}
	return node.Value
}

// parameter reads a value below parameters; name is the one of the nearest map entry, which decides what is hidden.
func (r *reader) parameter(set *Setting, name string, node *yaml.Node, depth int) any {
	switch {
	case node.Kind == yaml.AliasNode || depth > maxDepth:
		r.fault(node, set.Key, "expected plain parameters: no aliases, not nested too deep")
	case node.Kind == yaml.MappingNode:
		if source, ok := r.source(set, node); ok && name != "" {
			return source
		}
		return r.parameterMap(set, name, node, depth)
	case node.Kind == yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			list = append(list, r.parameter(set, name, item, depth+1))
		}
		return list
	case isNull(node):
	case hides(name):
		return NewSecret(node.Value)
	default:
		value, err := plainScalar(node)
		if err != nil {
			r.fault(node, set.Key, "%s", err)
		}
		return value
	}
	return nil
}

func (r *reader) parameterMap(set *Setting, name string, node *yaml.Node, depth int) map[string]any {
	r.distinct(node, set.Key+".", func(name string) string { return name })
	out := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.fault(key, set.Key, "the name of a parameter must be plain text, not %s", describe(key))
			continue
		}
		below := key.Value
		if hides(name) { // all below a hidden name is hidden
			below = name
		}
		out[key.Value] = r.parameter(set, below, value, depth+1)
	}
	return out
}

// source reads {file: path} and {env: NAME}.
func (r *reader) source(set *Setting, node *yaml.Node) (Source, bool) {
	if len(node.Content) != 2 || node.Content[1].Kind != yaml.ScalarNode || node.Content[1].ShortTag() != "!!str" {
		return Source{}, false
	}
	switch value := node.Content[1].Value; node.Content[0].Value {
	case "file":
		if !filepath.IsAbs(value) {
			r.fault(node, set.Key, "%q must be the full path of a file", value)
		}
		return Source{File: value}, true
	case "env":
		if value == "" {
			r.fault(node, set.Key, "env must name a variable")
		}
		return Source{Env: value}, true
	}
	return Source{}, false
}

// plainScalar reads what YAML takes for a number as a number and for text as text; moments stay text.
func plainScalar(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!!bool":
		return kindBool.scalar(node.Value)
	case "!!int":
		if n, err := kindInt.scalar(node.Value); err == nil {
			return int(n.(int64)), nil
		}
		return nil, fmt.Errorf("expected a decimal whole number; write other numbers in quotes")
	case "!!float":
		return kindFloat.scalar(node.Value)
	}
	return node.Value, nil
}

// hides tells by its name whether a parameter holds a secret.
func hides(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"secret", "password", "token"}, func(word string) bool { return strings.Contains(name, word) })
}

func hasKey(node *yaml.Node, key string) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if strings.EqualFold(node.Content[i].Value, key) {
			return true
		}
	}
	return false
}

func describeKey(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode {
		return fmt.Sprintf("%q", node.Value)
	}
	return "what else there is"
}

// isSecret tells whether something below the value is hidden and not empty.
func isSecret(value any) bool {
	switch v := value.(type) {
	case Secret:
		return !v.Empty()
	case Instance:
		return isSecret(v.Parameters)
	case []any:
		return slices.ContainsFunc(v, isSecret)
	case map[string]any:
		for _, below := range v {
			if isSecret(below) {
				return true
			}
		}
	}
	return false
}

// bind gives the sources below a value the environment that they read.
func bind(value any, environ func(string) (string, bool)) any {
	switch v := value.(type) {
	case Source:
		v.environ = environ
		return v
	case Instance:
		v.Parameters = bind(v.Parameters, environ).(map[string]any)
		return v
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = bind(v[i], environ)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = bind(v[key], environ)
		}
		return out
	}
	return value
}

// bindInstances does so for all settings, and finds names that two layers gave to different instances.
func (l *Loaded) bindInstances(environ []string) []error {
	look := func(name string) (string, bool) {
		for _, line := range slices.Backward(environ) {
			if key, value, ok := strings.Cut(line, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
	var faults []error
	for _, leaf := range l.leaves {
		list, ok := leaf.value.([]any)
		if !ok || leaf.setting.elem != kindInstance {
			continue
		}
		seen := map[string]bool{}
		for _, value := range list {
			name := value.(Instance).Name
			if seen[name] {
				faults = append(faults, faultf(leaf.origin(), leaf.setting.Key, "another layer has an instance that is called %q too; "+
					"give each a name of its own, or remove the other one with %s-: [%s]", name, leaf.setting.Key, name))
			}
			seen[name] = true
		}
		leaf.value = bind(list, look)
	}
	return faults
}
