package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/packhouse/packhouse/core/errs"
)

// sizeOf tells how large the terminal at a file is, in characters; zeros where it does not say.
func sizeOf(file *os.File) (columns, lines int) {
	columns, lines, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, lines
}

// size is how large the terminal is, or as large as terminals are.
func (c *commands) size() (columns, lines int) {
	if c.Size != nil {
		columns, lines = c.Size()
	}
	if columns < 1 || lines < 1 {
		return 80, 24
	}
	return columns, lines
}

// lineWidth is that of text for people, where there is room for it.
const lineWidth = 79

// textWidth is the width of text for people on standard output.
func (c *commands) textWidth() int {
	if !c.Terminal {
		return lineWidth
	}
	columns, _ := c.size()
	return min(lineWidth, columns-1)
}

// ask reads a line from the terminal without showing it. When ctx ends first, the terminal shows what is typed again.
func ask(ctx context.Context, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if l.err != nil {
			return "", fmt.Errorf("read from the terminal: %w", l.err)
		}
		return string(l.text), nil
	case <-ctx.Done():
		return "", errors.Join(errs.New(errs.Canceled, "stopped before a password was given"), term.Restore(fd, before))
	}
}
