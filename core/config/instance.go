package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// Instance is one entry of an ordered list of plugins that an operator configures: what it is called here, which type
// it is of, and its parameters. The reader makes a Secret of every parameter whose name speaks of one (see hides), so
// that it can be neither shown nor logged, and a Source of every {file: path} and {env: NAME}.
type Instance struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Parameters hold text, whole numbers (int), fractions (float64), true or false, nil, Secret, Source, and lists
	// ([]any) and maps (map[string]any) of these. The methods of Instance read them.
	Parameters map[string]any `json:"parameters"`
}

// Source is a parameter whose value is kept elsewhere, in a file or in a variable of the environment. It is read when
// it is asked for, so that a changed file counts.
type Source struct {
	File string `json:"file,omitempty"`
	Env  string `json:"env,omitempty"`

	environ func(name string) (string, bool) // nil is the environment of the process
}

// Text gives a parameter as text, empty where there is none. A parameter that is a list or a map is errs.Invalid, and
// so is a source that cannot be read.
func (i Instance) Text(name string) (string, error) {
	text, err := i.reveal(i.Parameters[name])
	if err != nil {
		return "", i.fault(name, err)
	}
	return text, nil
}

// Secret is Text, for what no log may show.
func (i Instance) Secret(name string) (Secret, error) {
	text, err := i.Text(name)
	return NewSecret(text), err
}

// Texts gives a parameter as a list of text; a single value is a list of one, none is none.
func (i Instance) Texts(name string) ([]string, error) {
	list, ok := i.Parameters[name].([]any)
	if !ok && i.Parameters[name] != nil {
		list = []any{i.Parameters[name]}
	}
	var out []string
	for _, value := range list {
		text, err := i.reveal(value)
		if err != nil {
			return nil, i.fault(name, err)
		}
		out = append(out, text)
	}
	return out, nil
}

// TextMap gives a parameter as a map of text, nil where there is none.
func (i Instance) TextMap(name string) (map[string]string, error) {
	value := i.Parameters[name]
	entries, ok := value.(map[string]any)
	if !ok && value != nil {
		return nil, i.fault(name, errors.New("expected a map"))
	}
	var out map[string]string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		text, err := i.reveal(entries[key])
		if err != nil {
			return nil, i.fault(name+"."+key, err)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = text
	}
	return out, nil
}

// Bool gives a parameter as true or false; otherwise stands for one that is not there.
func (i Instance) Bool(name string, otherwise bool) (bool, error) {
	return parameter(i, name, otherwise, func(text string) (bool, error) {
		value, err := kindBool.scalar(text)
		if err != nil {
			return false, err
		}
		return value.(bool), nil
	})
}

// Int gives a parameter as a whole number; otherwise stands for one that is not there.
func (i Instance) Int(name string, otherwise int) (int, error) {
	return parameter(i, name, otherwise, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("expected %s", kindInt.expected(kindNone))
		}
		return n, nil
	})
}

// Duration gives a parameter such as "15m"; otherwise stands for one that is not there.
func (i Instance) Duration(name string, otherwise time.Duration) (time.Duration, error) {
	return parameter(i, name, otherwise, func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("expected %s", kindDuration.expected(kindNone))
		}
		return d, nil
	})
}

// Only refuses parameters that the type of the instance does not know.
func (i Instance) Only(known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(i.Parameters)) {
		if !slices.Contains(known, name) {
			return i.fault(name, fmt.Errorf("unknown parameter; type %s knows %s", i.Type, strings.Join(known, ", ")))
		}
	}
	return nil
}

func parameter[V any](i Instance, name string, otherwise V, parse func(string) (V, error)) (V, error) {
	text, err := i.Text(name)
	if err != nil || i.Parameters[name] == nil {
		return otherwise, err
	}
	value, err := parse(text)
	if err != nil {
		return otherwise, i.fault(name, err)
	}
	return value, nil
}

func (i Instance) fault(name string, err error) error {
	return errs.New(errs.Invalid, "parameter %s of %s %q in the settings: %w", name, i.Type, i.Name, err)
}

// reveal gives one value as text.
func (i Instance) reveal(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case Secret:
		return v.Reveal(), nil
	case Source:
		return v.read()
	case []any:
		return "", errors.New("expected a single value, not a list")
	case map[string]any:
		return "", errors.New("expected a single value, not a map")
	}
	return fmt.Sprint(value), nil
}

func (s Source) read() (string, error) {
	if s.File != "" {
		text, err := readValue(s.File)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w; write the file or name another one", err)
		}
		return text, err
	}
	look := s.environ
	if look == nil {
		look = os.LookupEnv
	}
	text, ok := look(s.Env)
	if !ok {
		return "", fmt.Errorf("the variable %s is not in the environment of this process; set it", s.Env)
	}
	return text, nil
}
