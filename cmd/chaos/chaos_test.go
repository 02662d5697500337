package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test binary, which has the race detector, be the processes of the rounds.
func TestMain(m *testing.M) {
	if text := os.Getenv(roleVariable); text != "" {
		os.Exit(act(text))
	}
	os.Exit(m.Run())
}

// TestChaos plays some rounds, the same ones each time; `make chaos` plays as many others as one likes.
func TestChaos(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := drive(t.Context(), []string{"-rounds", "6", "-seed", "600", "-patience", "3"}, &out)
	if err != nil {
		t.Fatalf("%s\n%v", out.String(), err)
	}
	t.Log(out.String())
	if !strings.Contains(out.String(), "no violation in 6 rounds") {
		t.Error("it does not say that there was no violation")
	}
}
