// Package testkit gives tests a place of their own on real servers (a fresh PostgreSQL database, a Redis database, an
// S3 bucket name, a part of an LDAP directory), and the programs that clients of Packhouse use. All come from the
// program in the folder services, which `make test` puts around `go test`; it says where they are in the variables
// below. A SQLite database needs none of them. Only tests import this package.
package testkit

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"
)

// The variables that say where the servers are: URLs that carry user and password.
const (
	PostgresVariable = "PACKHOUSE_TEST_POSTGRES"
	RedisVariable    = "PACKHOUSE_TEST_REDIS"
	S3Variable       = "PACKHOUSE_TEST_S3"
)

// PythonVariable says where the Python environment of the tests is.
const PythonVariable = "PACKHOUSE_TEST_PYTHON"

// patience ends a set-up or clean-up step that hangs.
const patience = time.Minute

// variable reads a variable and fails the test when it is missing: a test that needs a server is never skipped.
func variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run `make test`, it starts the servers that tests need", name)
	}
	return value
}

// bounded gives a context for a step of set-up or clean-up. It does not derive from the test's own, which has
// ended by the time of a clean-up.
func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// randomName gives a name that suits a database and a bucket: lower-case letters and digits after the prefix.
func randomName(prefix string) string { return prefix + strings.ToLower(rand.Text()) }
