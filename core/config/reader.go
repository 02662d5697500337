package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader turns the tree of one layer into assignments, led by the schema.
type reader struct {
	schema *schema
	origin func(*yaml.Node) Origin
	owner  string // label of the plugin whose overlay is read; empty for operators

	out    []assignment
	faults []error
	seen   map[string]Origin
}

func newReader(s *schema, origin func(*yaml.Node) Origin) *reader {
	return &reader{schema: s, origin: origin, seen: map[string]Origin{}}
}

func (r *reader) fault(at *yaml.Node, key, format string, args ...any) {
	r.faults = append(r.faults, faultf(r.origin(at), key, format, args...))
}

// tree reads a mapping whose keys start with prefix.
func (r *reader) tree(node *yaml.Node, prefix string) {
	r.distinct(node, prefix, strings.ToLower)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
			r.fault(name, strings.TrimSuffix(prefix, "."), "the name of a setting must be plain text, not %s", describe(name))
			continue
		}
		key, op := splitOp(prefix + strings.ToLower(name.Value))
		switch {
		case r.schema.settings[key] != nil:
			r.setting(r.schema.settings[key], op, name, value)
		case !r.schema.sections[key]:
			r.fault(name, "", "unknown setting %q%s", key, r.schema.suggest(key))
		case op != Set:
			r.fault(name, key, "is a section; +, - and ! work on single settings")
		case value.Kind == yaml.MappingNode:
			r.tree(value, key+".")
		default:
			r.fault(value, key, "is a section with settings of its own, not %s; remove the line or write them below it", describe(value))
		}
	}
}

// distinct reports keys that stand twice in one mapping: all but one of them would be lost.
func (r *reader) distinct(node *yaml.Node, prefix string, fold func(string) string) {
	lines := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		if first := lines[fold(name.Value)]; first != nil && name.Kind == yaml.ScalarNode {
			r.fault(name, prefix+fold(name.Value), "is already written at %s; keep one of them", r.origin(first))
		}
		lines[fold(name.Value)] = name
	}
}

// splitOp takes the operator off the end of a key.
func splitOp(key string) (string, Op) {
	for suffix, op := range map[string]Op{"+": Append, "-": Remove, "!": Replace} {
		if rest, ok := strings.CutSuffix(key, suffix); ok {
			return strings.TrimSpace(rest), op
		}
	}
	return key, Set
}

// setting reads what is said about one setting.
func (r *reader) setting(set *Setting, op Op, at, value *yaml.Node) {
	if !r.allowed(set, op, at, value) {
		return
	}
	switch {
	case value.Kind == yaml.AliasNode:
		r.fault(value, set.Key, "aliases are not understood here; write the value out")
	case isNull(value) && op == Set && set.Nullable:
		r.add(at, assignment{setting: set, op: Set})
	case isNull(value) && op == Set:
		r.add(at, assignment{setting: set, op: Reset})
	case set.kind == kindMap && op != Remove:
		r.mapping(set, op, at, value)
	case set.elem == kindInstance:
		if values, ok := r.instances(set, op, value); ok {
			r.add(at, assignment{setting: set, op: op, value: values})
		}
	case set.kind == kindMap || set.kind == kindList:
		items := set
		if set.kind == kindMap {
			items = &Setting{Secret: set.Secret, kind: kindList, elem: kindText} // names of entries
		}
		values, err := items.list(value)
		r.addOr(at, assignment{setting: set, op: op, value: values}, err)
	default:
		scalar, err := set.scalarOf(set.kind, value)
		r.addOr(at, assignment{setting: set, op: op, value: scalar}, err)
	}
}

// allowed checks that the operator fits the setting, and that a plugin keeps its hands off what is not its own.
func (r *reader) allowed(set *Setting, op Op, at, value *yaml.Node) bool {
	switch {
	case op == Append && set.kind != kindList:
		r.fault(at, set.Key, "+ appends to lists only, this is %s; write the key without +", set.Type)
	case op == Remove && set.kind != kindList && set.kind != kindMap:
		r.fault(at, set.Key, "- removes from lists and maps only, this is %s; write the key without -", set.Type)
	case op == Replace && set.kind != kindMap:
		r.fault(at, set.Key, "! replaces maps only, this is %s; write the key without !", set.Type)
	case r.owner != "" && set.Key == "enabled_plugins":
		r.fault(at, set.Key, "a plugin cannot say which plugins are in use")
	case r.owner != "" && set.Plugin != r.owner && set.kind == kindMap && (op == Replace || isNull(value)):
		r.fault(at, set.Key, "a plugin may add to this map but not replace it, since it does not own it")
	default:
		return true
	}
	return false
}

// mapping reads the entries of a map. They merge one by one; Replace empties the map first.
func (r *reader) mapping(set *Setting, op Op, at, value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		r.fault(value, set.Key, "expected a map of %s, not %s", set.elem, describe(value))
		return
	}
	if op == Replace {
		r.add(at, assignment{setting: set, op: op})
	}
	r.entries(set, nil, value)
}

func (r *reader) entries(set *Setting, path []string, node *yaml.Node) {
	r.distinct(node, set.Key+".", func(name string) string { return name })
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		entry := append(path[:len(path):len(path)], name.Value)
		switch {
		case name.Kind != yaml.ScalarNode || strings.Contains(name.Value, entrySeparator) || len(entry) > maxDepth:
			r.fault(name, set.Key, "the name of an entry must be plain text and not nested too deep")
		case value.Kind == yaml.MappingNode && set.elem == kindAny && len(value.Content) > 0:
			r.entries(set, entry, value)
		case isNull(value) && set.elem != kindAny:
			r.add(name, assignment{setting: set, entry: entry, op: Reset})
		default:
			scalar, err := set.scalarOf(set.elem, value)
			r.addOr(name, assignment{setting: set, entry: entry, op: Set, value: scalar}, err)
		}
	}
}

func (r *reader) addOr(at *yaml.Node, a assignment, err error) {
	if err != nil {
		r.fault(at, strings.Join(append([]string{a.setting.Key}, a.entry...), "."), "%s", err)
		return
	}
	r.add(at, a)
}

// add keeps an assignment, unless this layer has said the same before.
func (r *reader) add(at *yaml.Node, a assignment) {
	a.origin = r.origin(at)
	id := a.id() + " " + string(a.op)
	if a.op == Reset {
		id = a.id() + " " + string(Set)
	}
	if before, twice := r.seen[id]; twice {
		r.fault(at, a.setting.Key, "is already written at %s; keep one of them", before)
		return
	}
	r.seen[id] = a.origin
	r.out = append(r.out, a)
}

// list reads a sequence.
func (set *Setting) list(node *yaml.Node) ([]any, error) {
	if node.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("expected a list of %s, not %s", set.elem, describe(node))
	}
	values := make([]any, 0, len(node.Content))
	for _, child := range node.Content {
		value, err := set.scalarOf(set.elem, child)
		if err != nil {
			return nil, fmt.Errorf("in the list: %w", err)
		}
		values = append(values, value)
	}
	return values, nil
}

// scalarOf reads a node as a value of the kind. What YAML takes for a number may be text, for it is a matter of the
// schema; true, yes and the like may not, for they are most often slips.
func (set *Setting) scalarOf(k kind, node *yaml.Node) (any, error) {
	if k == kindAny {
		return anyOf(node)
	}
	tag := node.ShortTag()
	fits := map[kind][]string{
		kindText: {"!!str", "!!int", "!!float", "!!timestamp"}, kindSecret: {"!!str", "!!int", "!!float", "!!timestamp"},
		kindBool: {"!!bool"}, kindInt: {"!!int"}, kindFloat: {"!!int", "!!float"}, kindDuration: {"!!str"},
	}
	if node.Kind == yaml.ScalarNode {
		for _, fit := range fits[k] {
			if fit == tag {
				if value, err := k.scalar(node.Value); err == nil {
					return value, nil
				}
			}
		}
		return nil, fmt.Errorf("expected %s%s", k.expected(kindNone), set.show(node.Value))
	}
	return nil, fmt.Errorf("expected %s, not %s", k.expected(kindNone), describe(node))
}

// anyOf decodes a value without a schema. Aliases are refused before: a few lines of them grow without bound.
func anyOf(node *yaml.Node) (any, error) {
	if hasAlias(node, 0) {
		return nil, fmt.Errorf("expected plain values: no aliases, not nested too deep")
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("expected a plain value")
	}
	return value, nil
}

func hasAlias(node *yaml.Node, depth int) bool {
	if node.Kind == yaml.AliasNode || depth > maxDepth {
		return true
	}
	for _, child := range node.Content {
		if hasAlias(child, depth+1) {
			return true
		}
	}
	return false
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

func describe(node *yaml.Node) string {
	switch {
	case isNull(node):
		return "nothing"
	case node.Kind == yaml.MappingNode:
		return "a map"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.AliasNode:
		return "an alias"
	}
	return "a single value"
}
