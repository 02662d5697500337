package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// Mask is what is printed in place of a secret.
const Mask = "******"

// Secret is text that no log, error, dump or answer shows. Only Reveal gives it away. The zero value is empty.
//
// The text sits behind a pointer in an unexported field, so that fmt prints an address even where it cannot call
// methods: for a secret in an unexported field of another struct.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal gives the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether there is no secret.
func (s Secret) Empty() bool { return s.text == nil }

// Equal compares what is hidden. It is for tests and change detection, not for checking passwords.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String gives the mask, or nothing for an empty secret.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return Mask
}

// GoString is String in quotes, for %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Format gives the mask for every verb, also for those that fmt would report as wrong together with the value.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text)
}

// MarshalJSON gives the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText gives the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// RedactedURL gives an address in which the password is masked and the query left out, for status pages and logs.
// Text that is not an address with a scheme is masked as a whole.
func (s Secret) RedactedURL() string {
	if s.Empty() {
		return ""
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return Mask
	}
	user := ""
	if u.User != nil {
		user = u.User.Username()
		if _, has := u.User.Password(); has {
			user += ":" + Mask
		}
		user += "@"
	}
	return u.Scheme + "://" + user + u.Host + u.Path
}

// sensitive tells whether an address holds something to hide.
func (s Secret) sensitive() bool {
	return !s.Empty() && (s.RedactedURL() == Mask || strings.Contains(s.RedactedURL(), ":"+Mask+"@") || strings.Contains(s.Reveal(), "?"))
}

var (
	_ fmt.Formatter          = Secret{}
	_ fmt.GoStringer         = Secret{}
	_ json.Marshaler         = Secret{}
	_ encoding.TextMarshaler = Secret{}
	_ slog.LogValuer         = Secret{}
)
