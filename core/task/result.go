package task

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// MaxResult is the largest result of a task that is kept, in bytes of JSON. What is larger belongs in an artifact or in
// created resources: results are read with every list of tasks.
const MaxResult = 1 << 20

// ResultOf is what a task's work returned in the stored form; NULL for nil. What is larger than MaxResult is
// errs.TooLarge, what cannot be stored as JSON errs.Internal.
func ResultOf(v any) (model.JSON, error) {
	text, err := json.Marshal(v)
	switch {
	case err != nil:
		return nil, errs.New(errs.Internal, "write the result of the task as JSON: %w", err)
	case string(text) == "null":
		return nil, nil
	case len(text) > MaxResult:
		return nil, errs.New(errs.TooLarge, "The work was done, but its result of %d bytes is larger than the %d bytes that are kept.", len(text), MaxResult)
	case holdsNUL(text):
		return nil, errs.New(errs.Internal, "the result of the task holds the character U+0000, which databases do not store")
	}
	return text, nil
}

// holdsNUL tells whether a text in JSON has the escape of U+0000, which PostgreSQL refuses.
func holdsNUL(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++ // what follows a backslash belongs to it, another backslash too
		if i+4 < len(text) && string(text[i:i+5]) == "u0000" {
			return true
		}
	}
	return false
}
