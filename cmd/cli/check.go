package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// finding is the outcome of one check.
type finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is what was found, or what is wrong and what to do about it.
	Detail string `json:"detail"`
}

func (c *commands) check() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find out whether Packhouse could work with these settings",
		Long: `Checks the settings (all faults at once, each with its place), the database and its migrations, Redis, that the storage
can be written, read and deleted from, the key file and the digests. It changes nothing but one probe in the storage,
which it removes again. Exits with 1 when a check fails.`,
		Example: `  packhouse check --config /etc/packhouse/config.yaml
  packhouse check --format json`,
		Args: words(0, 0, "[--format text|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "text", "json"); err != nil {
				return err
			}
			findings, err := c.findings(cmd.Context())
			if err != nil {
				return err
			}
			return c.printFindings(findings, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORM` of the output: text or json")
	return cmd
}

// findings runs all checks; without settings there is nothing more to check. The error is a command line that was not
// understood.
func (c *commands) findings(ctx context.Context) ([]finding, error) {
	l, err := c.load("", nil)
	if err != nil {
		if _, wrong := err.(usageError); wrong { //nolint:errorlint // it is never wrapped
			return nil, err
		}
		return settingsFaults(err), nil
	}
	files := "no file was read"
	if len(l.Files) > 0 {
		files = "read " + strings.Join(l.Files, ", ")
	}
	p := &prober{l: l}
	findings := []finding{
		{Name: "settings", OK: true, Detail: files},
		p.probe(ctx, "database", p.database),
		p.probe(ctx, "migrations", p.migrations),
		p.probe(ctx, "redis", p.redis),
		p.probe(ctx, "storage", p.storage),
		p.probe(ctx, "key file", p.keyFile),
		p.probe(ctx, "digests", p.digests),
		p.probe(ctx, "access", p.access),
	}
	return findings, p.close()
}

// settingsFaults makes a finding of each fault; the first line of several only says that faults follow.
func settingsFaults(err error) []finding {
	lines := strings.Split(plain(err), "\n")
	if len(lines) > 1 {
		lines = lines[1:]
	}
	var findings []finding
	for _, line := range lines {
		findings = append(findings, finding{Name: "settings", Detail: line})
	}
	return findings
}

func (c *commands) printFindings(findings []finding, format string) error {
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
	}
	if format == "json" {
		if err := c.printJSON(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			mark := "✓"
			if !f.OK {
				mark = "✗"
			}
			detail := strings.ReplaceAll(f.Detail, "\n", "\n    ")
			if err := c.print("%s %s: %s\n", mark, f.Name, detail); err != nil {
				return err
			}
		}
	}
	if bad > 0 {
		return exit{exitFailed, fmt.Sprintf("%d of %d checks failed", bad, len(findings))}
	}
	return nil
}
