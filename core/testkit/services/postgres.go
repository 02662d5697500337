package main

import (
	"context"
	"crypto/rand"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/testkit/cluster"
)

// superuser is the role that tests connect as.
const superuser = "packhouse"

// startPostgres makes a fresh cluster and starts PostgreSQL on it. What makes a database safe against a loss of
// power is switched off, unless PACKHOUSE_TEST_DURABLE is set; what makes it safe against a kill is not.
func startPostgres(ctx context.Context, dir string) (*server, error) {
	password := rand.Text()
	made, err := cluster.Make(ctx, dir, superuser, password, func(owner *syscall.Credential) *syscall.SysProcAttr {
		return serverAttributes(owner, syscall.SIGKILL)
	})
	if err != nil {
		return nil, err
	}
	return start(ctx, dir, spec{
		name: "postgres", variable: "PACKHOUSE_TEST_POSTGRES", quit: syscall.SIGQUIT, user: made.Owner,
		command: func(port string) []string {
			return made.Server(port, append(haste(), "max_connections=300")...)
		},
		url: func(port string) string {
			return "postgres://" + superuser + ":" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
		},
		ready: func(ctx context.Context, url string) error {
			connection, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			return connection.Close(ctx)
		},
	})
}

// durable is the variable that keeps PostgreSQL as safe, and as slow, as in production: for measurements.
const durable = "PACKHOUSE_TEST_DURABLE"

// haste are the settings that only tests can live with.
func haste() []string {
	if os.Getenv(durable) != "" {
		return nil
	}
	return []string{"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"}
}
