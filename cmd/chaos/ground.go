package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/packhouse/packhouse/core/db"
)

// template is the database that those of the rounds are copies of.
const template = "chaos_template"

// ground is what lasts through all rounds: a folder, and the servers.
type ground struct {
	campaign
	dir      string
	postgres *postgres
	redis    *redis
	// violated keeps the folder, for those who look for the cause.
	violated bool
}

func newGround(ctx context.Context, c campaign) (_ *ground, err error) {
	dir, err := os.MkdirTemp("", "packhouse-chaos-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the rounds: %w", err)
	}
	g := &ground{campaign: c, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.remove())
		}
	}()
	// PostgreSQL may run as another user and has to reach its data below.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the folder of the rounds: %w", err)
	}
	if slices.Contains(c.modes, embedded) {
		if err := prepare(ctx, "sqlite://"+g.sqliteTemplate()); err != nil {
			return nil, err
		}
	}
	if slices.Contains(c.modes, servers) {
		return g, g.startServers(ctx)
	}
	return g, nil
}

func (g *ground) sqliteTemplate() string { return filepath.Join(g.dir, "template.db") }

func (g *ground) startServers(ctx context.Context) (err error) {
	if g.postgres, err = startPostgres(ctx, g.dir); err != nil {
		return err
	}
	if g.redis, err = startRedis(ctx, g.dir); err != nil {
		return err
	}
	if err := g.postgres.execute(ctx, g.postgres.admin, "CREATE DATABASE "+template); err != nil {
		return err
	}
	address, err := g.postgres.database(template)
	if err != nil {
		return err
	}
	return prepare(ctx, address)
}

// prepare makes the tables of a database.
func prepare(ctx context.Context, address string) error {
	d, err := db.Open(ctx, db.Options{URL: address})
	if err != nil {
		return err
	}
	if err := fill(ctx, d); err != nil {
		return errors.Join(fmt.Errorf("make the tables: %w", err), d.Close())
	}
	return d.Close()
}

// database makes the database of a round.
func (g *ground) database(ctx context.Context, p plan, folder string) (string, error) {
	if p.Mode == embedded {
		path := filepath.Join(folder, "round.db")
		return "sqlite://" + path, copyFile(path, g.sqliteTemplate())
	}
	name := fmt.Sprintf("round_%d", p.Seed)
	if err := g.postgres.execute(ctx, g.postgres.admin, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", err
	}
	return g.postgres.database(name)
}

// drop removes what is left of a round.
func (g *ground) drop(ctx context.Context, p plan, folder string) error {
	if p.Mode == servers {
		if err := g.postgres.execute(ctx, g.postgres.admin, fmt.Sprintf("DROP DATABASE round_%d WITH (FORCE)", p.Seed)); err != nil {
			return err
		}
	}
	return os.RemoveAll(folder)
}

// remove ends the servers and removes the folder.
func (g *ground) remove() error {
	if g.postgres != nil {
		g.postgres.stop()
	}
	if g.redis != nil {
		g.redis.stop()
	}
	if g.violated {
		g.tell("the logs and journals are kept in %s\n", g.dir)
		return nil
	}
	return os.RemoveAll(g.dir)
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // opened for reading
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
