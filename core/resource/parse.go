package resource

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

func wrong(format string, args ...any) error { return errs.New(errs.Invalid, format, args...) }

// parseText takes what the contract takes for a string: strings, trimmed, and numbers as their text.
func parseText(in *Input, value any) (string, error) {
	text, err := parseBlankText(in, value)
	if err == nil && text == "" {
		return "", wrong("This field may not be blank.")
	}
	return text, err
}

// parseExactText is parseText that trims nothing.
func parseExactText(in *Input, value any) (string, error) {
	text, isText := value.(string)
	if !isText {
		return parseText(in, value)
	}
	if text == "" {
		return "", wrong("This field may not be blank.")
	}
	return text, storable(text)
}

func parseBlankText(_ *Input, value any) (string, error) {
	var text string
	switch v := value.(type) {
	case nil:
		return "", wrong("This field may not be null.")
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		return "", wrong("Not a valid string.")
	}
	return text, storable(text)
}

// storable refuses text that PostgreSQL cannot keep.
func storable(text string) error {
	switch {
	case strings.ContainsRune(text, 0):
		return wrong("Null characters are not allowed.")
	case !utf8.ValidString(text):
		return wrong("The text is not valid UTF-8.")
	}
	return nil
}

func parseInt(low int64) func(*Input, any) (int64, error) {
	return func(_ *Input, value any) (int64, error) {
		n, err := integer(value)
		if err != nil {
			return 0, err
		}
		if n < low {
			return 0, wrong("Ensure this value is greater than or equal to %d.", low)
		}
		return n, nil
	}
}

func integer(value any) (int64, error) {
	var text string
	switch v := value.(type) {
	case nil:
		return 0, wrong("This field may not be null.")
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return 0, wrong("A valid integer is required.")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return 0, wrong("A valid integer is required.")
}

func parseFloat(low float64) func(*Input, any) (float64, error) {
	return func(_ *Input, value any) (float64, error) {
		n, err := float(value)
		if err == nil && n < low {
			err = wrong("Ensure this value is greater than or equal to %v.", low)
		}
		return n, err
	}
}

func float(value any) (float64, error) {
	var text string
	switch v := value.(type) {
	case nil:
		return 0, wrong("This field may not be null.")
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, wrong("A valid number is required.")
	}
	return n, nil
}

var trueWords, falseWords = []string{"true", "1", "t", "y", "yes", "on"}, []string{"false", "0", "f", "n", "no", "off"}

func parseBool(_ *Input, value any) (bool, error) {
	switch v := value.(type) {
	case nil:
		return false, wrong("This field may not be null.")
	case bool:
		return v, nil
	case json.Number:
		return boolWord(v.String())
	case string:
		return boolWord(strings.TrimSpace(v))
	}
	return false, wrong("Must be a valid boolean.")
}

func boolWord(text string) (bool, error) {
	text = strings.ToLower(text)
	switch {
	case slices.Contains(trueWords, text):
		return true, nil
	case slices.Contains(falseWords, text):
		return false, nil
	}
	return false, wrong("Must be a valid boolean.")
}

// parseTexts takes a JSON array; in a form the key repeated, or one JSON text.
func parseTexts(in *Input, value any) ([]string, error) { return parseList(in, value, parseText) }

func parseBlankTexts(in *Input, value any) ([]string, error) {
	return parseList(in, value, parseBlankText)
}

func parseList(in *Input, value any, one func(*Input, any) (string, error)) ([]string, error) {
	if text, ok := value.(string); ok && in.Form {
		value = formList(text)
	}
	list, ok := value.([]any)
	if !ok {
		return nil, wrong("Expected a list of items.")
	}
	texts := make([]string, 0, len(list))
	for i, item := range list {
		text, err := one(in, item)
		if err != nil {
			return nil, wrong("Item %d: %w", i, err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func formList(text string) any {
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		if list, err := decodeJSON([]byte(text)); err == nil {
			return list
		}
	}
	return []any{text}
}

func parseTime(_ *Input, value any) (time.Time, error) {
	text, ok := value.(string)
	if !ok {
		return time.Time{}, wrong("Datetime has wrong format. Use YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, wrong("Datetime has wrong format. Use YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
}
