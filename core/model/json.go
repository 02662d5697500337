package model

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// JSON is a column of any JSON value: jsonb on PostgreSQL, text on SQLite. Empty is NULL.
type JSON json.RawMessage

// MarshalJSON gives the value itself, null when empty.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps the text.
func (j *JSON) UnmarshalJSON(text []byte) error {
	*j = append((*j)[:0], text...)
	return nil
}

// Value stores text, which both databases take for their JSON type.
func (j JSON) Value() (driver.Value, error) {
	if len(j) == 0 {
		return nil, nil
	}
	return string(j), nil
}

// Scan reads either database's form.
func (j *JSON) Scan(from any) error {
	switch v := from.(type) {
	case nil:
		*j = nil
	case string:
		*j = JSON(v)
	case []byte:
		*j = append(JSON(nil), v...)
	default:
		return fmt.Errorf("read a JSON column: unexpected %T", from)
	}
	return nil
}

// Labels are pulp_labels: text to text or null.
type Labels map[string]*string

// Value stores the labels as a JSON object, never NULL.
func (l Labels) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(map[string]*string(l))
	return string(text), err
}

// Scan reads a JSON object.
func (l *Labels) Scan(from any) error {
	var raw JSON
	if err := raw.Scan(from); err != nil {
		return err
	}
	*l = nil
	if len(raw) == 0 || string(raw) == "{}" {
		return nil
	}
	return json.Unmarshal(raw, (*map[string]*string)(l))
}
