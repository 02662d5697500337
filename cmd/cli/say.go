package cli

import "fmt"

// print writes to standard output, what the command was asked for. A full disk or a closed pipe is its failure.
func (c *commands) print(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// say writes to standard error, what there is to know about the work. When that fails there is nobody left to tell.
func (c *commands) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Stderr, format, args...)
}
