package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// LogLevels are the levels of lines, the least first.
func LogLevels() []string { return []string{"DEBUG", "INFO", "WARN", "ERROR"} }

// LogLevelsFrom are the levels from one on, in any spelling of its name; empty is all of them. An unknown one is
// errs.Invalid.
func LogLevelsFrom(least string) ([]string, error) {
	if least == "" {
		return LogLevels(), nil
	}
	at := slices.Index(LogLevels(), strings.ToUpper(least))
	if at < 0 {
		return nil, errs.New(errs.Invalid, "%q is no level; choose one of %s", least, strings.Join(LogLevels(), ", "))
	}
	return LogLevels()[at:], nil
}

// SaveLog writes lines in the order in which they are given. Lines of one task are written by one process at a time, so
// that the order of their ids is the order in which they can be seen.
func SaveLog(tx *db.Tx, lines []LogLine) error {
	for some := range slices.Chunk(lines, linesAtOnce) {
		rows := slices.Clone(some) // writing sets identities, and a transaction may run again
		if err := tx.Create(&rows).Error; err != nil {
			return fmt.Errorf("save the log of a task: %w", err)
		}
	}
	return nil
}

// linesAtOnce bounds the lines of one statement.
const linesAtOnce = 500

// NoteLater adds a line to the log of a task that this process does not run, such as that its process was given up.
func NoteLater(tx *db.Tx, taskID, level, message string) error {
	return SaveLog(tx, []LogLine{{TaskID: taskID, At: model.Now(), Level: level, Message: storable(message)}})
}

// Text is the line as people read it: time, level, message, and the attributes in the order of their names.
func (l *LogLine) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s %s", l.At.UTC().Format("2006-01-02T15:04:05.000Z"), l.Level, visible(l.Message))
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(l.Attributes, &attributes); err != nil {
		return b.String() // there are none
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		var value bytes.Buffer
		if err := json.Compact(&value, attributes[name]); err == nil {
			fmt.Fprintf(&b, " %s=%s", visible(name), visible(value.String()))
		}
	}
	return b.String()
}

// visible writes control characters in a form that ends no line and moves no cursor.
func visible(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// storable is text without what PostgreSQL cannot keep.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// momentOf is a time as rows keep it.
func momentOf(t time.Time) time.Time {
	if t.IsZero() {
		return model.Now()
	}
	return t.UTC().Truncate(time.Microsecond)
}
