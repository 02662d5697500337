package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// superuser is the role that everybody connects as.
const superuser = "chaos"

// postgres is a PostgreSQL of our own.
type postgres struct {
	daemon
	admin string // the address of the database for maintenance
}

// startPostgres makes a cluster below dir and starts a server on it. It answers a commit when that is in the hands of
// the system: enough, since processes crash here and the machine does not.
func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	as, err := postgresUser()
	if err != nil {
		return nil, err
	}
	port, err := sparePort(ctx)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	data, err := initCluster(ctx, bin, dir, password, as)
	if err != nil {
		return nil, err
	}
	p := &postgres{admin: "postgres://" + superuser + ":" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	p.daemon = daemon{
		name: "PostgreSQL", log: filepath.Join(dir, "postgres.log"), as: as, quick: syscall.SIGQUIT,
		args: []string{filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-c", "unix_socket_directories=",
			"-c", "max_connections=200", "-c", "synchronous_commit=on", "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB"},
		ready: func(ctx context.Context) error { return p.execute(ctx, p.admin, "SELECT 1") },
	}
	return p, p.start(ctx)
}

func initCluster(ctx context.Context, bin, dir, password string, as *syscall.Credential) (string, error) {
	home := filepath.Join(dir, "postgres")
	secret, data := filepath.Join(home, "password"), filepath.Join(home, "data")
	if err := os.Mkdir(home, 0o700); err != nil {
		return "", fmt.Errorf("make the home of the cluster: %w", err)
	}
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the superuser's password: %w", err)
	}
	if as != nil {
		for _, path := range []string{home, secret} {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return "", fmt.Errorf("give the cluster to its user: %w", err)
			}
		}
	}
	c := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+superuser, "--pwfile="+secret,
		"--auth=password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	c.Dir, c.SysProcAttr = home, attributes(as)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return data, nil
}

// postgresUser gives the user that the server runs as, since it refuses root; nil is as we are.
func postgresUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("look up the user postgres, install the package postgresql: %w", err)
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

// postgresBin finds the folder of the server programs: the newest that Debian has put there, or the search path's.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	major := func(bin string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err != nil {
			return -1
		}
		return n
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("find the PostgreSQL server programs, install the package postgresql: %w", err)
	}
	return filepath.Dir(path), nil
}

// database gives the address of a database of the server.
func (p *postgres) database(name string) (string, error) {
	u, err := url.Parse(p.admin)
	if err != nil {
		return "", fmt.Errorf("read the address of PostgreSQL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

// cut ends all connections but ours.
func (p *postgres) cut(ctx context.Context) error {
	return p.execute(ctx, p.admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
}

// execute runs one statement on a connection of its own.
func (p *postgres) execute(ctx context.Context, address, statement string) error {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	// detached: also an interrupted statement ends its connection.
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // the statement's own error says more
	if _, err := c.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
