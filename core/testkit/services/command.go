package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// runCommand runs the command in a process group of its own, passes signals on to the whole group and gives the
// exit code; a command that a signal ended gives 128 and the signal's number, as a shell does.
func runCommand(command, environment []string) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	c := exec.Command(command[0], command[1:]...) //nolint:noctx // signals end it, which are passed on below
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = environment
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return exitTrouble, fmt.Errorf("start %s: %w", command[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for {
		select {
		case s := <-signals:
			say("passing %q on to %s", s, command[0])
			// A group that is gone already has nothing left to tell.
			_ = syscall.Kill(-c.Process.Pid, s.(syscall.Signal))
		case err := <-done:
			return exitCode(err)
		}
	}
}

// exitCode reads a command's exit code out of what Wait returned.
func exitCode(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return exitTrouble, fmt.Errorf("wait for the command: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
