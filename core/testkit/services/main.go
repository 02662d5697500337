// Command services runs a command beside the servers that tests need: PostgreSQL, Redis, an S3 gateway and an LDAP
// directory.
//
//	services go test -race ./...
//
// It installs what is missing (Debian packages as root, the S3 gateway with the Go tool, a Python environment with
// pip), starts each server on a spare loopback port over a temporary directory, and tells the command where all that
// is: PACKHOUSE_TEST_POSTGRES, PACKHOUSE_TEST_REDIS, PACKHOUSE_TEST_S3, PACKHOUSE_TEST_LDAP and PACKHOUSE_TEST_PYTHON, as
// package testkit reads them. When the command ends, by itself or by a signal, the servers are stopped, the directory is
// removed, and the exit code is the command's.
// Nothing here is durable and nothing is meant for another use than tests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// exitTrouble is the exit code when the servers could not be had, so that it differs from a failed command.
const exitTrouble = 70

func main() {
	// The servers ask the kernel to end them with the thread that started them; this keeps that thread alive.
	runtime.LockOSThread()
	command := os.Args[1:]
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "usage: services COMMAND [ARGUMENT...], for example: services go test ./core/testkit")
		os.Exit(2)
	}
	code, err := run(command)
	if err != nil {
		say("%v", err)
	}
	os.Exit(code)
}

// run is main with its deferred work done before the exit.
func run(command []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := install(ctx); err != nil {
		return exitTrouble, err
	}
	dir, err := newWorkspace()
	if err != nil {
		return exitTrouble, err
	}
	defer dir.remove()

	cache, err := cacheFolder()
	if err != nil {
		return exitTrouble, err
	}
	environment := append(os.Environ(), pythonVariable+"="+pythonFolder(cache))
	for _, start := range []func(context.Context, string) (*server, error){startPostgres, startRedis, startS3, startLDAP} {
		s, err := start(ctx, dir.path)
		if err != nil {
			return exitTrouble, err
		}
		defer s.stop()
		environment = append(environment, s.variable+"="+s.url)
	}
	return runCommand(command, environment)
}

// say prints one line of progress; standard output belongs to the command.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "services: "+format+"\n", args...)
}
