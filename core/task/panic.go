package task

import (
	"fmt"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Panicked is the error of work that panicked, with the stack at that point (of debug.Stack). It is errs.Internal; see
// FailureOf for who sees the stack.
func Panicked(value any, stack []byte) error {
	return errs.New(errs.Internal, "the task panicked: %w", &panicked{text: fmt.Sprint(value), stack: string(stack)})
}

type panicked struct{ text, stack string }

func (p *panicked) Error() string { return p.text }

// maxTold bounds, in bytes, each text of an error object.
const maxTold = 64 << 10

// told is a text of an error object as it can be stored: PostgreSQL has no character U+0000, and nobody reads more than
// so much.
func told(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\ufffd")
	if len(text) <= maxTold {
		return text
	}
	return strings.ToValidUTF8(text[:maxTold], "") + " …"
}
