package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// passwordSource says where a password comes from: neither means the terminal.
type passwordSource struct{ stdin, random bool }

func (s *passwordSource) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.stdin, "stdin", false, "read the password from the first line of standard input")
	cmd.Flags().BoolVar(&s.random, "random", false, "generate a password and print it on standard output")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return onlyOne(cmd, "stdin", "random") }
}

func (c *commands) userSetPassword() *cobra.Command {
	var from passwordSource
	cmd := &cobra.Command{
		Use:   "set-password NAME",
		Short: "Set the password of a user and end the user's sessions",
		Example: `  packhouse user set-password admin
  packhouse user set-password admin --random
  echo "$PASSWORD" | packhouse user set-password admin --stdin`,
		Args: words(1, 1, "NAME [--stdin | --random]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeUsers(cmd, func(l *loaded, users *auth.Users) error {
				user, err := users.FindUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				audit.From(cmd.Context()).Object(userPRN(user))
				password, err := c.password(cmd.Context(), from)
				if err != nil {
					return err
				}
				if err := users.SetPassword(cmd.Context(), user.ID, password); err != nil {
					return err
				}
				c.say("set the password of the user %s\n", user.Username)
				return errors.Join(c.reveal(from, password), forgetFirst(l, user.Username))
			})
		},
	}
	from.flags(cmd)
	return cmd
}

// forgetFirst removes the file with the generated first password, which opens nothing any more.
func forgetFirst(l *loaded, username string) error {
	file := node.PasswordFile(l.Settings)
	if username != auth.AdminName || file == "" {
		return nil
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the file with the first password: %w", err)
	}
	return nil
}

// password gets a password without showing it to anybody else.
func (c *commands) password(ctx context.Context, from passwordSource) (string, error) {
	switch {
	case from.random:
		return auth.GeneratePassword(), nil
	case from.stdin:
		return firstLine(c.Stdin)
	case c.Ask == nil:
		return "", misused("there is no terminal to ask for the password; give it with --stdin, or have one made with --random")
	}
	first, err := c.Ask(ctx, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := c.Ask(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != again || first == "" {
		return "", errs.New(errs.Invalid, "the two passwords differ or are empty; try again")
	}
	return first, nil
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errs.New(errs.Invalid, "the first line of standard input is empty; write the password there")
	}
	return line, nil
}

// reveal prints a password that was generated, and no other.
func (c *commands) reveal(from passwordSource, password string) error {
	if !from.random {
		return nil
	}
	return c.print("%s\n", password)
}
