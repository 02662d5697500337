package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	// Origin is where it was written; zero for a default or a rule that no single line broke.
	Origin Origin
	// Key is the setting, as "section.name"; empty when the fault is about a whole file or an unknown name.
	Key string
	// Message says what is wrong and what to write instead. It never holds the value of a secret.
	Message string
}

// Error gives "where: key: message".
func (f *Fault) Error() string {
	var b strings.Builder
	if f.Origin.Where != "" {
		b.WriteString(f.Origin.Where + ": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

func faultf(origin Origin, key, format string, args ...any) *Fault {
	return &Fault{Origin: origin, Key: key, Message: fmt.Sprintf(format, args...)}
}

// withOrigins adds to faults of rules the place where the value was written.
func (l *Loaded) withOrigins(faults []*Fault) []error {
	out := make([]error, 0, len(faults))
	for _, f := range faults {
		if leaf := l.leaves[f.Key]; leaf != nil {
			f.Origin = leaf.origin()
		}
		out = append(out, f)
	}
	return out
}

var _ error = (*Fault)(nil)
