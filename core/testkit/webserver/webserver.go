// Package webserver starts nginx and Apache for tests, with a site that is under test inside of a configuration that needs
// neither root nor anything of the system.
package webserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Server is a web server: how it is configured and started.
type Server interface {
	// prepare writes the configuration around a site for an address into a folder and gives the command that runs it.
	prepare(dir, address, site string) ([]string, error)
	// test is what the command gets to look at the configuration only.
	test() string
}

const (
	readyWithin = 30 * time.Second
	lookEvery   = 10 * time.Millisecond
)

// Address gives a loopback address that nobody listens on now.
func Address(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Check has the server look at a site for an address; the error holds what it says.
func Check(t testing.TB, s Server, address, site string) error {
	t.Helper()
	dir := t.TempDir()
	command, err := s.prepare(dir, address, site)
	if err != nil {
		return err
	}
	c := exec.CommandContext(t.Context(), command[0], append(command[1:], s.test())...)
	out, err := c.CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("[warn]")) {
		err = errors.New("it warns")
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Start runs the server with a site for an address until the test ends, and returns when it answers.
func Start(t testing.TB, s Server, address, site string) {
	t.Helper()
	dir := t.TempDir()
	command, err := s.prepare(dir, address, site)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := exec.Command(command[0], command[1:]...) //nolint:noctx // it lives until the clean-up
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = c.Wait() // how it ended stands in its log
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // fails only when it is gone already
		<-gone
	})
	if err := listens(t.Context(), address, gone); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "errors"))
		t.Fatalf("%s does not start: %v\n%s\n%s", filepath.Base(command[0]), err, &out, log)
	}
}

// listens waits until the address takes connections.
func listens(ctx context.Context, address string, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-gone:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return err
		}
	}
}

// find looks for a program, also where only root looks.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(filepath.Join("/usr/sbin", name))
	if err != nil {
		return "", fmt.Errorf("find %s, which `make test` installs: %w", name, err)
	}
	return path, nil
}
