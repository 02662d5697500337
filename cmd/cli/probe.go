package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/storage"
)

// probePatience is how long one check may take.
const probePatience = 20 * time.Second

// prober runs the checks that need more than settings.
type prober struct {
	l *loaded
	// db is set once the database was reached.
	db *db.DB
}

// probe runs one check: what it gives is the detail of success.
func (p *prober) probe(ctx context.Context, name string, check func(ctx context.Context) (string, error)) finding {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	detail, err := check(ctx)
	if err != nil {
		return finding{Name: name, Detail: plain(err)}
	}
	return finding{Name: name, OK: true, Detail: detail}
}

func (p *prober) close() error {
	if p.db == nil {
		return nil
	}
	return p.db.Close()
}

func (p *prober) database(ctx context.Context) (detail string, err error) {
	if p.db, err = node.OpenDatabase(ctx, p.l.Settings, p.l.log, true); err != nil {
		return "", err
	}
	return p.l.Settings.Database.URL.RedactedURL() + " answers", p.db.Ping(ctx)
}

func (p *prober) migrations(ctx context.Context) (string, error) {
	if p.db == nil {
		return "", errs.New(errs.Unavailable, "not looked at, since there is no database")
	}
	return "all have run", node.CheckCurrent(ctx, p.db, p.l.registry, p.l.log)
}

func (p *prober) redis(ctx context.Context) (string, error) {
	if p.l.Settings.RedisURL.Empty() {
		return "runs inside packhouse serve", nil
	}
	return p.l.Settings.RedisURL.RedactedURL() + " answers", node.PingRedis(ctx, p.l.Settings)
}

// storage writes, reads and deletes one blob.
func (p *prober) storage(ctx context.Context) (detail string, err error) {
	s := p.l.Settings.Storage
	detail = "can be written, read and deleted from: "
	if s.Backend == "s3" {
		detail += s.S3.Endpoint + "/" + s.S3.Bucket
	} else {
		detail += s.Location
		if _, err := os.Stat(s.Location); err != nil {
			return "", errs.New(errs.NotFound, "the folder cannot be looked at; packhouse serve makes it at its first start, else make it and give it to this user: %w", err)
		}
	}
	blobs, err := node.OpenStorage(ctx, p.l.Settings)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, node.CloseStorage(blobs)) }()
	return detail, roundTrip(ctx, blobs)
}

func roundTrip(ctx context.Context, blobs storage.Storage) (err error) {
	const text = "a probe of packhouse check, which may be removed\n"
	key := "check/" + ident.New()
	if _, err := storage.Put(ctx, blobs, key, strings.NewReader(text)); err != nil {
		return fmt.Errorf("write to the storage: %w", err)
	}
	defer func() {
		if gone := blobs.Delete(ctx, key); gone != nil {
			err = errors.Join(err, fmt.Errorf("delete from the storage: %w", gone))
		}
	}()
	r, err := blobs.Open(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read from the storage: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	got, err := io.ReadAll(r)
	if err == nil && string(got) != text {
		err = errs.New(errs.Internal, "other bytes came back than were written; look after the storage")
	}
	if err != nil {
		return fmt.Errorf("read from the storage: %w", err)
	}
	return nil
}

func (p *prober) keyFile(context.Context) (string, error) {
	path := p.l.Settings.DBEncryptionKey
	_, err := secret.Load(path)
	if errs.Is(err, errs.NotFound) && p.db == nil {
		return "", errs.New(errs.NotFound, "there is no %s yet; packhouse serve or packhouse migrate makes it at the first start", path)
	}
	return path + " can be read", err
}

// access makes what decides, of the policies and authorizers in the settings.
func (p *prober) access(context.Context) (string, error) {
	s := p.l.Settings
	_, err := node.NewDecider(p.db, p.l.registry, node.DeclaredAccess(p.l.registry, s), s)
	return fmt.Sprintf("%d access policies in the settings, %d authorizers", len(s.AccessPolicies), len(s.Authorizers)), err
}

func (p *prober) digests(context.Context) (string, error) {
	return strings.Join(p.l.Settings.AllowedContentChecksums, ", "), nil
}
