package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// The exit codes.
const (
	exitFailed  = 1
	exitMisused = 2
	exitPending = 3
)

// exit ends the command with a code of its own; an empty text says nothing more.
type exit struct {
	code int
	text string
}

// Error gives the text.
func (e exit) Error() string { return e.text }

// exitCode tells the error, if there is one, and turns it into the code.
func (c *commands) exitCode(err error) int {
	if err == nil {
		return 0
	}
	code := exitFailed
	if own, ok := errors.AsType[exit](err); ok {
		code = own.code
	}
	if _, ok := errors.AsType[usageError](err); ok {
		code = exitMisused
	}
	if text := plain(err); text != "" {
		c.say("packhouse: %s\n", text)
	}
	return code
}

// plain words an error for people: faults by field as sentences, and an interrupt as what it is.
func plain(err error) string {
	// Some libraries indent what belongs to the line above.
	text := strings.ReplaceAll(err.Error(), "\n\t", " ")
	if errors.Is(err, context.Canceled) && !errs.Is(err, errs.Canceled) {
		return "stopped before it was done"
	}
	faults, ok := errors.AsType[*errs.Error](err)
	if !ok || len(faults.Fields) == 0 {
		return text
	}
	var sentences []string
	for _, field := range slices.Sorted(maps.Keys(faults.Fields)) {
		told, ok := faults.Fields[field].([]string)
		if !ok {
			told = []string{fmt.Sprint(faults.Fields[field])}
		}
		sentences = append(sentences, field+": "+strings.Join(told, " "))
	}
	return strings.Replace(text, faults.Error(), strings.Join(sentences, "; "), 1)
}
