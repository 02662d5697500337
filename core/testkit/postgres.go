package testkit

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Postgres gives the URL of a fresh, empty database with a superuser; it is dropped when the test ends, whoever is
// still connected.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := variable(t, PostgresVariable)
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("%s is no URL: %v", PostgresVariable, err)
	}
	name := randomName("test_")
	// template0 is the one template that nobody can be connected to, and it has no local additions.
	execute(t, admin, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// execute runs one statement on a connection of its own.
func execute(t testing.TB, address, statement string) {
	t.Helper()
	ctx, cancel := bounded()
	defer cancel()
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("connect to the PostgreSQL of the tests: %v", err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
