package node

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
)

// NewAudit makes the audit log that the settings ask for; nil when they turn it off.
func NewAudit(ctx context.Context, s config.Settings, d *db.DB, box *secret.Box, log *slog.Logger) *audit.Log {
	if !s.Audit.Enabled {
		return nil
	}
	return audit.New(audit.Options{
		DB: d, Box: box, Process: processName(ctx, s.WorkerNameTemplate), Reads: audit.Reads(s.Audit.Reads),
		Retention: time.Duration(s.Audit.RetentionDays) * 24 * time.Hour, Log: log,
	})
}

// processName fills in the template by which processes report themselves.
func processName(ctx context.Context, template string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return strings.NewReplacer("{pid}", strconv.Itoa(os.Getpid()), "{hostname}", host).Replace(nameTemplate(ctx, template))
}

// startAudit begins to seal what requests record, until they are done.
func (n *Node) startAudit(ctx context.Context) *audit.Log {
	n.audit = NewAudit(ctx, n.settings(), n.db, n.box, n.o.Log)
	stop := n.audit.Start(ctx)
	n.later(func() error { stop(); return nil })
	return n.audit
}
