package pipeline_test

import (
	"flag"
	"testing"
)

// TestMain makes the stories of the model fewer, since each step of one is a transaction on a database; -rapid.checks
// asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	m.Run()
}
