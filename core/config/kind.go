package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a setting; its text is what the manual prints.
type kind string

const (
	kindNone     kind = ""
	kindText     kind = "text"
	kindBool     kind = "true or false"
	kindInt      kind = "integer"
	kindFloat    kind = "number"
	kindDuration kind = "duration"
	kindSecret   kind = "secret"
	kindList     kind = "list"
	kindMap      kind = "map"
	kindAny      kind = "any"
	kindInstance kind = "instance"
)

// expected says in words what to write.
func (k kind) expected(elem kind) string {
	switch k {
	case kindInt:
		return "a whole number"
	case kindFloat:
		return "a number"
	case kindDuration:
		return `a duration such as "20ms" or "5m"`
	case kindSecret:
		return "text"
	case kindInstance:
		return "a map with name, type and parameters"
	case kindList:
		if elem == kindInstance {
			return "a list of instances, each with name, type and parameters"
		}
		return "a list of " + string(elem) + ", as JSON or with commas"
	case kindMap:
		return "a map of " + string(elem) + ", as JSON"
	}
	return string(k)
}

// zero is the value of a setting without a default.
func (k kind) zero() any {
	switch k {
	case kindText:
		return ""
	case kindBool:
		return false
	case kindInt:
		return int64(0)
	case kindFloat:
		return float64(0)
	case kindDuration:
		return time.Duration(0)
	case kindSecret:
		return Secret{}
	case kindList:
		return []any{}
	}
	return nil
}

// scalar reads text as a value of the kind. Its errors do not hold the text.
func (k kind) scalar(text string) (any, error) {
	switch k {
	case kindText, kindAny:
		return text, nil
	case kindSecret:
		return NewSecret(text), nil
	case kindBool:
		switch strings.ToLower(text) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	case kindInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	case kindFloat:
		if n, err := strconv.ParseFloat(text, 64); err == nil && n-n == 0 { // neither infinite nor NaN
			return n, nil
		}
	case kindDuration:
		if d, err := time.ParseDuration(text); err == nil {
			return d, nil
		}
	}
	return nil, fmt.Errorf("expected %s", k.expected(kindNone))
}

// show quotes a wrong value for a message, unless it is secret.
func (set *Setting) show(text string) string {
	if set.Secret || set.elem == kindInstance {
		return ""
	}
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return fmt.Sprintf(", got %q", text)
}
