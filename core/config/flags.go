package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// AddFlag adds the "key=value" of a --set to flags. Giving a key twice is an error, since flags have no order.
func AddFlag(flags map[string]string, text string) error {
	key, value, ok := strings.Cut(text, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	if !ok || key == "" {
		return errs.New(errs.Invalid, "--set needs key=value, such as --set log.level=debug") // the text may be a secret
	}
	if _, twice := flags[key]; twice {
		return errs.New(errs.Invalid, "--set %s is given twice; keep one of them", key)
	}
	flags[key] = value
	return nil
}

// readFlags reads the settings of the command line. An operator may end the key, as in files.
func readFlags(s *schema, flags map[string]string) ([]assignment, []error) {
	t := newTexts(s)
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		key, op := splitOp(name)
		at := Origin{Layer: LayerFlag, Where: "--set " + key}
		switch name {
		case "data":
			key, at.Where = "data_dir", "--data"
		case "listen":
			at.Where = "--listen"
		}
		set, entry := s.byKey(key)
		if set == nil {
			t.fault(at, "", "unknown setting%s", s.suggest(key))
			continue
		}
		t.read(set, entry, op, flags[name], at)
	}
	return t.out, t.faults
}

// byKey finds the setting of a dotted key, which may go on into a map.
func (s *schema) byKey(key string) (*Setting, []string) {
	if set := s.settings[key]; set != nil {
		return set, nil
	}
	for at := len(key); ; {
		if at = strings.LastIndex(key[:at], "."); at < 0 {
			return nil, nil
		}
		if set := s.settings[key[:at]]; set != nil && set.kind == kindMap {
			return set, strings.Split(key[at+1:], ".")
		}
	}
}
