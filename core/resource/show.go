package resource

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Show writes the wire form of rows. It is a growing JSON text; members are written by their fields.
type Show struct {
	// Names makes hrefs and PRNs.
	Names Names
	text  []byte
}

// Bytes is what was written so far.
func (s *Show) Bytes() []byte { return s.text }

// Raw writes JSON as it stands.
func (s *Show) Raw(json string) { s.text = append(s.text, json...) }

// Int writes a number.
func (s *Show) Int(n int64) { s.text = strconv.AppendInt(s.text, n, 10) }

// Float writes a number, always with a fraction or an exponent.
func (s *Show) Float(n float64) {
	start := len(s.text)
	s.Value(n)
	if !bytes.ContainsAny(s.text[start:], ".e") {
		s.Raw(".0")
	}
}

// Bool writes true or false.
func (s *Show) Bool(b bool) { s.text = strconv.AppendBool(s.text, b) }

// String writes a quoted string.
func (s *Show) String(text string) { s.text = appendQuoted(s.text, text) }

// NullString writes a string, or null for nil.
func (s *Show) NullString(text *string) {
	if text == nil {
		s.Raw("null")
		return
	}
	s.String(*text)
}

// Strings writes a list of strings.
func (s *Show) Strings(list []string) {
	s.Raw("[")
	for i, text := range list {
		if i > 0 {
			s.Raw(",")
		}
		s.String(text)
	}
	s.Raw("]")
}

// Time writes a moment: ISO 8601, UTC with Z, six digits of fraction that are left out only when they are zero.
func (s *Show) Time(t time.Time) { s.text = append(appendTime(append(s.text, '"'), t), '"') }

// Timestamp is a moment that encoding/json writes as Show.Time does.
type Timestamp time.Time

// MarshalJSON writes the moment.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return append(appendTime([]byte{'"'}, time.Time(t)), '"'), nil
}

// NullTime writes a moment, or null for nil.
func (s *Show) NullTime(t *time.Time) {
	if t == nil {
		s.Raw("null")
		return
	}
	s.Time(*t)
}

func appendTime(to []byte, t time.Time) []byte {
	t = t.UTC()
	to = t.AppendFormat(to, "2006-01-02T15:04:05")
	if micro := t.Nanosecond() / 1000; micro != 0 {
		to = append(to, '.')
		for unit := 100_000; unit > 0; unit /= 10 {
			to = append(to, byte('0'+micro/unit%10))
		}
	}
	return append(to, 'Z')
}

// Value writes anything that encoding/json can.
func (s *Show) Value(v any) {
	text, err := Marshal(v)
	if err != nil {
		panic("a shown value cannot be written as JSON: " + err.Error())
	}
	s.text = append(s.text, text...)
}

// appendQuoted quotes plain text at once and leaves the rest to encoding/json.
func appendQuoted(to []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			var quoted []byte
			quoted, _ = Marshal(text) // a string always marshals
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

var _ json.Marshaler = Timestamp{}
