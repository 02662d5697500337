package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// superuser is the role that tests connect as.
const superuser = "packhouse"

// startPostgres makes a fresh cluster and starts PostgreSQL on it. What makes a database safe against a loss of
// power is switched off, unless PACKHOUSE_TEST_DURABLE is set; what makes it safe against a kill is not.
func startPostgres(ctx context.Context, dir string) (*server, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	owner, err := postgresUser()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	data, err := initCluster(ctx, bin, dir, password, owner)
	if err != nil {
		return nil, err
	}
	return start(ctx, dir, spec{
		name: "postgres", variable: "PACKHOUSE_TEST_POSTGRES", quit: syscall.SIGQUIT, user: owner,
		command: func(port string) []string {
			return append([]string{filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port,
				"-c", "unix_socket_directories=", "-c", "max_connections=300"}, haste()...)
		},
		url: func(port string) string {
			return "postgres://" + superuser + ":" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
		},
		ready: func(ctx context.Context, url string) error {
			connection, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			return connection.Close(ctx)
		},
	})
}

// durable is the variable that keeps PostgreSQL as safe, and as slow, as in production: for measurements.
const durable = "PACKHOUSE_TEST_DURABLE"

// haste are the settings that only tests can live with.
func haste() []string {
	if os.Getenv(durable) != "" {
		return nil
	}
	return []string{"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0"}
}

// initCluster runs initdb as the owner and gives the data directory.
func initCluster(ctx context.Context, bin, dir, password string, owner *syscall.Credential) (string, error) {
	home := filepath.Join(dir, "postgres")
	if err := os.Mkdir(home, 0o700); err != nil {
		return "", fmt.Errorf("make the home of the cluster: %w", err)
	}
	secret, data := filepath.Join(home, "password"), filepath.Join(home, "data")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the superuser's password: %w", err)
	}
	if owner != nil {
		for _, path := range []string{home, secret} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return "", fmt.Errorf("give %s to the user postgres: %w", path, err)
			}
		}
	}
	// The server checks a clear password on its side, which spares each of the tests' connections the client's
	// share of a slow hash.
	c := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+superuser,
		"--pwfile="+secret, "--auth=password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	c.Dir, c.SysProcAttr = home, serverAttributes(owner, syscall.SIGKILL)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return data, nil
}

// postgresUser gives the user that the server runs as: PostgreSQL refuses root. Nil means: as we are.
func postgresUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("look up the user postgres, whom the PostgreSQL package should have made: %w", err)
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

// postgresBin finds the folder of the server programs: Debian keeps them out of the search path, one folder for
// each major version. The newest wins.
func postgresBin() (string, error) {
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
