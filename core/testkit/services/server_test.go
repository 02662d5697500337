package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestRedisStartsAnswersAndStops(t *testing.T) {
	t.Parallel()
	s, err := startRedis(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := pingRedis(t.Context(), s.url); err != nil {
		t.Errorf("a server that is ready does not answer: %v", err)
	}
	s.stop()
	if err := pingRedis(t.Context(), s.url); err == nil {
		t.Error("the server still answers after stop")
	}
}

func TestStartShowsTheLogOfAServerThatEnds(t *testing.T) {
	t.Parallel()
	_, err := start(t.Context(), t.TempDir(), shell("echo no room here; exit 1", errors.New("not yet")))
	if err == nil || !strings.Contains(err.Error(), "no room here") || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("got %v, want an error with the log", err)
	}
}

func TestStartTriesAnotherPort(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	s := shell("exit 1", errors.New("not yet"))
	script := s.command
	s.command = func(port string) []string {
		tried[port] = true
		return script(port)
	}
	if _, err := start(t.Context(), t.TempDir(), s); err == nil || len(tried) < 2 {
		t.Errorf("tried the ports %v, %v", tried, err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := shell("exec sleep 60", nil)
	s.ready = func(context.Context, string) error {
		cancel()
		return errors.New("not yet")
	}
	if _, err := start(ctx, t.TempDir(), s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

// shell is a server that is a script, which answers with err.
func shell(script string, err error) spec {
	return spec{
		name: "script", quit: syscall.SIGTERM,
		command: func(string) []string { return []string{"sh", "-c", script} },
		url:     func(port string) string { return port },
		ready:   func(context.Context, string) error { return err },
	}
}

func TestLDAPStartsAnswersAndStops(t *testing.T) {
	t.Parallel()
	s, err := startLDAP(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := fillLDAP(t.Context(), s.url); err != nil {
		t.Errorf("a server that is ready does not answer: %v", err)
	}
	s.stop()
	if err := fillLDAP(t.Context(), s.url); err == nil {
		t.Error("the server still answers after stop")
	}
}
