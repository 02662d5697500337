package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/migrations"
)

// upToDate is what migrate says when there is nothing to do.
const upToDate = "the database is up to date\n"

func (c *commands) migrate() *cobra.Command {
	var plan, check, wait, offline bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to date and make what a first start needs",
		Long: `Runs the migrations of all apps in the binary, enabled or not, each once, in one order. On a new database it also makes
the key file, the default domain and the user admin, as packhouse serve does at its first start. It may run while
processes of the version before are online; what they could not bear is left for a later run.

--plan prints what would run. --check says whether the processes could start, and exits with 3 when they could not.
--wait returns when they can, for hosts on which another one runs the migrations.`,
		Example: `  packhouse migrate --config /etc/packhouse/config.yaml
  packhouse migrate --plan
  packhouse migrate --check || echo "not yet"`,
		Args: words(0, 0, "[--plan | --check | --wait]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := onlyOne(cmd, "plan", "check", "wait"); err != nil {
				return err
			}
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			switch {
			case plan:
				return c.migratePlan(cmd.Context(), l, offline)
			case check:
				return c.migrateCheck(cmd.Context(), l)
			case wait:
				return c.migrateWait(cmd.Context(), l)
			}
			return c.migrateRun(cmd.Context(), l, offline)
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "print the migrations that would run, and change nothing")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 3 when migrations have not run, and change nothing")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until all migrations have run elsewhere, and change nothing")
	cmd.Flags().BoolVar(&offline, "offline", false, "no other process is online: leave nothing for a later run")
	return cmd
}

func (c *commands) migrateRun(ctx context.Context, l *loaded, offline bool) error {
	ran := 0
	var failed error
	setup := node.Setup{
		Registry: l.registry, Settings: l.Settings, Log: l.log, Terminal: c.Terminal, Offline: offline,
		Report: func(s migrations.Step, took time.Duration) {
			ran++
			failed = errors.Join(failed, c.print("ran %s %s in %s\n", s.App, s.ID, took.Round(time.Millisecond)))
		},
	}
	admin, err := setup.RunAlone(ctx)
	if err != nil {
		return err
	}
	if ran == 0 {
		failed = errors.Join(failed, c.print(upToDate))
	}
	if admin.Created {
		failed = errors.Join(failed, c.print("log in: %s\n", strings.Join(adminLines(l.Loaded, admin), " ")))
	}
	return failed
}

func (c *commands) migratePlan(ctx context.Context, l *loaded, offline bool) error {
	return withRunner(ctx, l, offline, func(r *migrations.Runner) error {
		steps, err := r.Plan(ctx)
		if err != nil {
			return err
		}
		if len(steps) == 0 {
			return c.print(upToDate)
		}
		for _, s := range steps {
			if err := c.print("%s", planned(s)); err != nil {
				return err
			}
		}
		return nil
	})
}

// planned shows one migration.
func planned(s migrations.Step) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s %s (%s)\n", s.App, s.ID, s.Phase)
	if s.Held != "" {
		fmt.Fprintf(&b, "-- will be left out: %s\n", s.Held)
	}
	if s.NoTx {
		b.WriteString("-- runs outside a transaction\n")
	}
	b.WriteString(s.SQL)
	if s.Go {
		b.WriteString("-- and a function of the program\n")
	}
	return b.String() + "\n"
}

func (c *commands) migrateCheck(ctx context.Context, l *loaded) error {
	return withRunner(ctx, l, false, func(r *migrations.Runner) error {
		pending, err := r.Pending(ctx)
		if err != nil {
			return err
		}
		if pending > 0 {
			return exit{exitPending, fmt.Sprintf("%d migrations have not run; run packhouse migrate", pending)}
		}
		return c.print(upToDate)
	})
}
