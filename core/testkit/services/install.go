package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/packhouse/packhouse/core/testkit/cluster"
	"github.com/packhouse/packhouse/core/testkit/webserver"
)

// The S3 gateway, built from source by the Go tool.
const (
	gatewayModule  = "github.com/versity/versitygw"
	gatewayVersion = "v1.8.0"
)

// need is a program that comes in Debian packages.
type need struct {
	what     string
	packages []string
	missing  func() bool
}

// needs lists what tests use beside Go itself.
func needs() []need {
	return []need{
		{"PostgreSQL", []string{"postgresql"}, func() bool { _, err := cluster.Programs(); return err != nil }},
		{"OpenLDAP", []string{"slapd"}, func() bool { _, err := slapd(); return err != nil }},
		{"Redis", []string{"redis-server"}, noProgram("redis-server")},
		{"a C compiler for the race detector", []string{"gcc", "libc6-dev"}, func() bool {
			_, err := os.Stat("/usr/include/stdio.h")
			return err != nil || noProgram("gcc")()
		}},
		{"nginx", []string{"nginx"}, func() bool { _, err := webserver.NginxProgram(); return err != nil }},
		{"Apache", []string{"apache2-bin"}, func() bool { _, err := webserver.ApacheProgram(); return err != nil }},
		{"the module of Apache that sends files", []string{"libapache2-mod-xsendfile"}, func() bool { _, err := webserver.ApacheSendfile(); return err != nil }},
		{"curl", []string{"curl", "ca-certificates"}, noProgram("curl")},
		{"Python with virtual environments", []string{"python3", "python3-venv"}, noVenv},
		{"Java, for the generator of clients", []string{"default-jre-headless"}, noProgram("java")},
	}
}

// noProgram tells whether a program is missing from the search path.
func noProgram(name string) func() bool {
	return func() bool { _, err := exec.LookPath(name); return err != nil }
}

// install brings what is missing. Runs beside each other take turns.
func install(ctx context.Context) error {
	cache, err := cacheFolder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(cache, "install.lock"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := installPackages(ctx); err != nil {
		return err
	}
	if err := installGateway(ctx, cache); err != nil {
		return err
	}
	return installPython(ctx, cache)
}

// installPackages installs missing Debian packages, refreshing the package lists first.
func installPackages(ctx context.Context) error {
	var packages []string
	for _, n := range needs() {
		if n.missing() {
			say("%s is missing", n.what)
			packages = append(packages, n.packages...)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		return fmt.Errorf("programs are missing and only root on Debian can install them here; "+
			"install these packages, or what your system calls them: %s", strings.Join(packages, " "))
	}
	if err := runInstaller(ctx, nil, apt, "update", "-q"); err != nil {
		return err
	}
	// The run level keeps the packages from starting servers of their own.
	quiet := []string{"RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive"}
	args := append([]string{"install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, packages...)
	return runInstaller(ctx, quiet, apt, args...)
}

// installGateway builds the S3 gateway unless the right version is there.
func installGateway(ctx context.Context, cache string) error {
	program := filepath.Join(cache, "versitygw")
	info, err := buildinfo.ReadFile(program)
	if err == nil && info.Main.Version == gatewayVersion {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		say("replacing %s: %v", program, err)
	}
	return runInstaller(ctx, []string{"GOBIN=" + cache, "CGO_ENABLED=0", "GOFLAGS="},
		"go", "install", gatewayModule+"/cmd/versitygw@"+gatewayVersion)
}

// runInstaller shows and runs an installing command; its output goes to standard error.
func runInstaller(ctx context.Context, environment []string, program string, args ...string) error {
	say("running %s %s", filepath.Base(program), strings.Join(args, " "))
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), environment...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
	}
	return nil
}

// gatewayPath is where installGateway puts the S3 gateway.
func gatewayPath() (string, error) {
	cache, err := cacheFolder()
	return filepath.Join(cache, "versitygw"), err
}

// cacheFolder is the folder for built tools in the clone that the working directory lies in.
func cacheFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache", "bin"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod in this folder or above it: run this inside a clone of Packhouse")
		}
		dir = filepath.Dir(dir)
	}
}
