package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// newDatabase makes a database on the PostgreSQL server and gives its address and what drops it.
func newDatabase(ctx context.Context, admin string) (address string, drop func() error, err error) {
	u, err := url.Parse(admin)
	if err != nil {
		return "", nil, fmt.Errorf("PACKHOUSE_TEST_POSTGRES is no address")
	}
	name := fmt.Sprintf("bench_%d", rand.Uint64())
	if err := execute(ctx, admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() error {
		// detached: also what was interrupted is cleared away.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return execute(end, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}, nil
}

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, address, statement string) (err error) {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // the statement's own error says more
	if _, err := c.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
