package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// environment holds the variables that may be settings, sorted by name.
type environment struct{ names, values []string }

// newEnvironment keeps what starts with the prefix. Later duplicates win, as they do for processes.
func newEnvironment(environ []string) environment {
	byName := map[string]string{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, envPrefix) {
			byName[name] = value
		}
	}
	var e environment
	for name := range byName {
		e.names = append(e.names, name)
	}
	slices.Sort(e.names)
	for _, name := range e.names {
		e.values = append(e.values, byName[name])
	}
	return e
}

func (e environment) get(name string) string {
	if i, ok := slices.BinarySearch(e.names, name); ok {
		return e.values[i]
	}
	return ""
}

// readEnvironment reads the variables: PACKHOUSE_A__B for a.b, with _FILE behind it for the name of a file that holds
// the value, PACKHOUSE_A__B__ENTRY for one entry of a map.
func readEnvironment(s *schema, env environment) ([]assignment, []error) {
	t := newTexts(s)
	for i, name := range env.names {
		if notSettings().MatchString(name) {
			continue
		}
		at := Origin{Layer: LayerEnvironment, Where: name}
		set, entry, fromFile := s.byVariable(name)
		switch {
		case set == nil && injected().MatchString(name):
			// Container platforms put the addresses of neighbours into the environment; nobody chose these names.
		case set == nil:
			t.fault(at, "", "unknown setting%s", s.suggestVariable(name))
		case fromFile:
			text, err := readValue(env.values[i])
			if err != nil {
				t.fault(at, set.Key, "%s", err)
				continue
			}
			t.read(set, entry, Set, text, at)
		default:
			t.read(set, entry, Set, env.values[i], at)
		}
	}
	return t.out, t.faults
}

// notSettings matches variables that steer the program or its tests without being settings.
func notSettings() *regexp.Regexp {
	return regexp.MustCompile(`^PACKHOUSE_(CONFIG$|TEST_|BENCH_)`)
}

// injected matches the variables that container platforms make up from the name of a service.
func injected() *regexp.Regexp {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
}

// byVariable finds the setting that a variable names.
func (s *schema) byVariable(name string) (set *Setting, entry []string, fromFile bool) {
	if set, entry = s.exactVariable(name); set != nil {
		return set, entry, false
	}
	if base, ok := strings.CutSuffix(name, "_FILE"); ok {
		set, entry = s.exactVariable(base)
		return set, entry, true
	}
	return nil, nil, false
}

func (s *schema) exactVariable(name string) (*Setting, []string) {
	if name == envPrefix+"DATA" {
		return s.settings["data_dir"], nil
	}
	if set := s.byEnv[name]; set != nil {
		return set, nil
	}
	for at := len(name); ; { // the longest map wins
		if at = strings.LastIndex(name[:at], "__"); at < 0 {
			return nil, nil
		}
		if set := s.byEnv[name[:at]]; set != nil && set.kind == kindMap && !strings.HasSuffix(name, "_FILE") {
			return set, strings.Split(strings.ToLower(name[at+2:]), "__")
		}
	}
}

// readValue reads the file behind a _FILE variable, without the line end that editors add.
func readValue(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the value from the file: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// texts reads settings that are written as text, from environment and flags. Each setting may be given once.
type texts struct {
	schema *schema
	out    []assignment
	faults []error
	seen   map[string]Origin
}

func newTexts(s *schema) *texts { return &texts{schema: s, seen: map[string]Origin{}} }

func (t *texts) fault(at Origin, key, format string, args ...any) {
	t.faults = append(t.faults, faultf(at, key, format, args...))
}

func (t *texts) read(set *Setting, entry []string, op Op, text string, at Origin) {
	if !t.once(set, entry, at) {
		return
	}
	if len(entry) == 0 && (set.kind == kindMap || set.elem == kindInstance || op != Set) {
		t.readTree(set, op, text, at)
		return
	}
	a := assignment{setting: set, entry: entry, op: Set, origin: at}
	var err error
	if len(entry) > 0 {
		if len(entry) > 1 && set.elem != kindAny {
			t.fault(at, set.Key, "the entries of this map have no entries of their own")
			return
		}
		a.value, err = set.elem.scalar(text)
	} else {
		a.value, err = set.fromText(text)
	}
	if err != nil {
		t.fault(at, set.Key, "%s%s", err, set.show(text))
		return
	}
	t.out = append(t.out, a)
}

// readTree reads a map, or what a flag appends to or removes from a list.
func (t *texts) readTree(set *Setting, op Op, text string, at Origin) {
	node, err := jsonNode(text)
	if err != nil {
		t.fault(at, set.Key, "expected %s%s", set.kind.expected(set.elem), set.show(text))
		return
	}
	r := newReader(t.schema, func(*yaml.Node) Origin { return at })
	r.setting(set, op, node, node)
	t.out, t.faults = append(t.out, r.out...), append(t.faults, r.faults...)
}

// once reports a setting that is given twice, also as a map and as an entry of it.
func (t *texts) once(set *Setting, entry []string, at Origin) bool {
	ids := []string{leafID(set, entry)}
	for i := range entry {
		ids = append(ids, leafID(set, entry[:i]))
	}
	for _, id := range ids {
		if before, twice := t.seen[id]; twice {
			t.fault(at, set.Key, "is already set by %s; keep one of them", before)
			return false
		}
	}
	t.seen[ids[0]] = at
	return true
}
