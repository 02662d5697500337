package testkit

import (
	"path/filepath"
	"testing"
)

// Python gives the folder of the programs of the tests' Python environment: python, the pulp command, and among its
// modules the published clients. What is in it stands in services/requirements.txt.
func Python(t testing.TB) string {
	t.Helper()
	return filepath.Join(variable(t, PythonVariable), "bin")
}
