// Package cluster makes data directories of PostgreSQL, for servers that tests start by themselves.
package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Cluster is a data directory and what its server is started with.
type Cluster struct {
	// Bin is the folder of the server programs, Data the data directory.
	Bin, Data string
	// Owner is the user whom the server must run as; nil is as we are.
	Owner *syscall.Credential
}

// Make makes an empty cluster below dir, whose superuser logs in with a password. attributes are those of the processes
// that run as the owner.
func Make(ctx context.Context, dir, superuser, password string, attributes func(owner *syscall.Credential) *syscall.SysProcAttr) (*Cluster, error) {
	bin, err := Programs()
	if err != nil {
		return nil, err
	}
	owner, err := owner()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "postgres")
	c := &Cluster{Bin: bin, Data: filepath.Join(home, "data"), Owner: owner}
	secret := filepath.Join(home, "password")
	if err := c.prepare(home, secret, password); err != nil {
		return nil, err
	}
	// The server checks a clear password on its side, which spares each of the tests' connections the client's
	// share of a slow hash.
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+c.Data, "--username="+superuser,
		"--pwfile="+secret, "--auth=password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = home, attributes(owner)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c, nil
}

// prepare makes the home of the cluster and puts the password there.
func (c *Cluster) prepare(home, secret, password string) error {
	if err := os.Mkdir(home, 0o700); err != nil {
		return fmt.Errorf("make the home of the cluster: %w", err)
	}
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	if c.Owner == nil {
		return nil
	}
	for _, path := range []string{home, secret} {
		if err := os.Chown(path, int(c.Owner.Uid), int(c.Owner.Gid)); err != nil {
			return fmt.Errorf("give %s to the user postgres: %w", path, err)
		}
	}
	return nil
}

// Server is the command line of the server on a loopback port, with settings such as "fsync=off" beyond the common ones.
func (c *Cluster) Server(port string, settings ...string) []string {
	line := []string{filepath.Join(c.Bin, "postgres"), "-D", c.Data, "-h", "127.0.0.1", "-p", port, "-c", "unix_socket_directories="}
	for _, s := range settings {
		line = append(line, "-c", s)
	}
	return line
}

// owner gives the user that the server runs as: PostgreSQL refuses root.
func owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("look up the user postgres, whom the PostgreSQL package makes; install it: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the uid of postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the gid of postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Programs finds the folder of the server programs: Debian keeps them out of the search path, one folder for each major
// version. The newest wins.
func Programs() (string, error) {
	newest, bin := -1, ""
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed
	for _, path := range found {
		folder := filepath.Dir(path)
		if major, err := strconv.Atoi(filepath.Base(filepath.Dir(folder))); err == nil && major > newest {
			newest, bin = major, folder
		}
	}
	if bin != "" {
		return bin, nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("find the PostgreSQL server programs, install the package postgresql: %w", err)
	}
	return filepath.Dir(path), nil
}
