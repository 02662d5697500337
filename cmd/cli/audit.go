package cli

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

func (c *commands) audit() *cobra.Command {
	return group(&cobra.Command{
		Use:   "audit",
		Short: "Read, check and shorten the log of who did what",
		Long: `The audit log is in the database: who did what to which object, from where, and what came of it. Its entries are
chained, so that one which is changed, removed or inserted shows. Works on the database itself, beside running servers.`,
		Example: `  packhouse audit list
  packhouse audit verify --head 42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
	}, c.auditList(), c.auditExport(), c.auditVerify(), c.auditPrune())
}

// withAudit opens the audit log of a database that is up to date, whatever audit.enabled says, and seals what waits.
func (c *commands) withAudit(ctx context.Context, work func(l *loaded, log *audit.Log) error) error {
	l, err := c.load("", nil)
	if err != nil {
		return err
	}
	return withAuditOf(ctx, l, func(log *audit.Log) error {
		if err := log.Seal(ctx); err != nil {
			l.log.Warn("entries that wait could not be sealed", "error", err)
		}
		return work(l, log)
	})
}

// withAuditOf is withAudit where the settings are loaded already; it leaves what waits to be sealed.
func withAuditOf(ctx context.Context, l *loaded, work func(log *audit.Log) error) error {
	return withDatabaseOf(ctx, l, func(d *db.DB) error {
		box, err := node.Keys(l.Settings)
		if err != nil {
			return err
		}
		s := l.Settings
		s.Audit.Enabled = true
		return work(node.NewAudit(ctx, s, d, box, l.log))
	})
}

// changeUsers is withUsers for a command that changes something: that is recorded.
func (c *commands) changeUsers(cmd *cobra.Command, work func(l *loaded, users *auth.Users) error) error {
	return c.withUsers(cmd.Context(), func(l *loaded, users *auth.Users) error {
		return c.recorded(cmd, l, func() error { return work(l, users) })
	})
}

// changeTokens is withTokens for a command that changes something: that is recorded.
func (c *commands) changeTokens(cmd *cobra.Command, work func(d *db.DB, users *auth.Users, tokens *auth.Tokens) error) error {
	return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
		return c.recorded(cmd, l, func() error {
			do := tokensOf(func(users *auth.Users, tokens *auth.Tokens) error { return work(d, users, tokens) })
			return do(l, auth.NewUsers(d, auth.NewHasher()))
		})
	})
}

// recorded runs the work of a command that changes something, and records who runs it and what came of it. The work must
// take its context from cmd: what it commits first holds the entry.
func (c *commands) recorded(cmd *cobra.Command, l *loaded, work func() error) error {
	if !l.Settings.Audit.Enabled {
		return work()
	}
	before := cmd.Context()
	return withAuditOf(before, l, func(log *audit.Log) error {
		path := strings.Fields(cmd.CommandPath())
		draft := log.Begin(audit.Entry{
			User: osUser(), Via: "command line", Method: "COMMAND", Route: strings.Join(path, " "), Action: strings.Join(path[1:], "_"),
		}, true, func(bool) int { return 0 })
		cmd.SetContext(draft.Along(before))
		err := work()
		draft.End(before, 0, string(errs.KindOf(err)))
		return err
	})
}

// osUser is the user of the operating system who runs the command.
func osUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// userPRN names a user in the log.
func userPRN(u *auth.User) string { return ident.PRN("auth.user", strconv.FormatInt(u.ID, 10)) }
