package testkit

import (
	"path/filepath"
	"testing"
)

// SQLite gives the URL of a database file that is not there yet, in a folder that goes when the test ends.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
}

// OnBoth runs a test with the URL of an empty database, of SQLite and of PostgreSQL, both at the same time.
func OnBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, Postgres(t)) })
}
