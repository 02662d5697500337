package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/testkit/cluster"
)

// superuser is the role that everybody connects as.
const superuser = "chaos"

// postgres is a PostgreSQL of our own.
type postgres struct {
	daemon
	admin string // the address of the database for maintenance
}

// startPostgres makes a cluster below dir and starts a server on it. It answers a commit when that is in the hands of
// the system: enough, since processes crash here and the machine does not.
func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	port, err := sparePort(ctx)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	made, err := cluster.Make(ctx, dir, superuser, password, attributes)
	if err != nil {
		return nil, err
	}
	p := &postgres{admin: "postgres://" + superuser + ":" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	p.daemon = daemon{
		name: "PostgreSQL", log: filepath.Join(dir, "postgres.log"), as: made.Owner, quick: syscall.SIGQUIT,
		args:  made.Server(port, "max_connections=200", "synchronous_commit=on", "fsync=off", "shared_buffers=32MB", "max_wal_size=256MB"),
		ready: func(ctx context.Context) error { return p.execute(ctx, p.admin, "SELECT 1") },
	}
	return p, p.start(ctx)
}

// database gives the address of a database of the server.
func (p *postgres) database(name string) (string, error) {
	u, err := url.Parse(p.admin)
	if err != nil {
		return "", fmt.Errorf("read the address of PostgreSQL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

// cut ends all connections but ours.
func (p *postgres) cut(ctx context.Context) error {
	return p.execute(ctx, p.admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
}

// execute runs one statement on a connection of its own.
func (p *postgres) execute(ctx context.Context, address, statement string) error {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// detached: also an interrupted statement ends its connection.
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // the statement's own error says more
	if _, err := c.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
