package domain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/storage/s3"
)

// Egress says what object storages may be reached; *remote.Dialer is one.
type Egress interface {
	Check(host string) error
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Opener opens storages of domains, within what the operator of the installation allows.
type Opener struct {
	Box *secret.Box
	// Roots are the folders that storages may be in: the setting allowed_storage_paths.
	Roots []string
	// SpoolDir is the folder for files on their way to an object storage.
	SpoolDir string
	Egress   Egress
	// Default is where the bytes of the default domain are.
	Default Place
}

// Open opens the storage that a row describes. It sends nothing.
func (o *Opener) Open(row *model.Domain) (storage.Storage, error) {
	p, err := Kept(o.Box, row)
	if err != nil {
		return nil, err
	}
	return o.OpenPlace(p)
}

// OpenPlace is Open for a description.
func (o *Opener) OpenPlace(p Place) (storage.Storage, error) {
	if err := o.Admit(p); err != nil {
		return nil, err
	}
	if !p.isBucket() {
		return fs.New(p.Location)
	}
	return s3.New(s3.Options{
		Endpoint: p.Endpoint, Bucket: p.Bucket, Region: p.Region, AccessKey: p.AccessKey, SecretKey: p.SecretKey, SessionToken: p.SecurityToken,
		Prefix: p.Location, PathStyle: p.PathStyle, SpoolDir: o.SpoolDir, Dial: o.Egress.Dial,
	})
}

// Admit tells whether the operator lets domains have their bytes there; errs.Invalid says why not.
func (o *Opener) Admit(p Place) error {
	if !p.isBucket() {
		return unusable(o.allowed(p.Location))
	}
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return unusable(errs.New(errs.Invalid, "the address of the object storage is none: %w", err))
	}
	if err := o.Egress.Check(u.Hostname()); err != nil {
		return unusable(errs.New(errs.Invalid, "%w; name it in the setting egress.allow if domains shall use it", err))
	}
	return nil
}

// allowed holds a folder against the setting. Links are followed as far as the path is there, so that none leads out.
func (o *Opener) allowed(folder string) error {
	refused := errs.New(errs.Invalid, "the folder is not below one that the setting allowed_storage_paths names; choose another one or ask whoever runs this server")
	if !filepath.IsAbs(folder) || filepath.Clean(folder) != folder {
		return errs.New(errs.Invalid, "give the full path of a folder, without dots or a slash at its end")
	}
	actual, err := resolve(folder)
	if err != nil {
		return refused
	}
	for _, root := range o.Roots {
		at, err := resolve(filepath.Clean(root))
		if err != nil {
			continue
		}
		if below, err := filepath.Rel(at, actual); err == nil && below != "." && below != ".." && !strings.HasPrefix(below, "../") {
			return nil
		}
	}
	return refused
}

// resolve follows links in the part of a path that is there.
func resolve(path string) (string, error) {
	actual, err := filepath.EvalSymlinks(path)
	if err == nil || !errors.Is(err, os.ErrNotExist) || path == "/" {
		return actual, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", errs.New(errs.Invalid, "the link %s leads nowhere", path)
	}
	above, err := resolve(filepath.Dir(path))
	return filepath.Join(above, filepath.Base(path)), err
}

// probe is what is written to a storage to see that it can be.
const probe = "a probe of packhouse, which may be removed\n"

// Try opens a storage in earnest: it makes the folder or bucket, and writes, reads and deletes a probe. What is wrong is
// errs.Invalid.
func (o *Opener) Try(ctx context.Context, p Place) error {
	opened, err := o.OpenPlace(p)
	if err != nil {
		return unusable(err)
	}
	if one, can := opened.(io.Closer); can {
		defer func() { _ = one.Close() }() // opened for a look
	}
	if bucket, is := opened.(*s3.Storage); is {
		if err := bucket.Ensure(ctx); err != nil {
			return unusable(err)
		}
	}
	return unusable(roundTrip(ctx, opened))
}

// unusable tells a user why the storage that he described does not do.
func unusable(err error) error {
	known, told := errors.AsType[*errs.Error](err)
	if err == nil || errs.Is(err, errs.Canceled) || told && known.Fields["storage_settings"] != nil {
		return err
	}
	return &errs.Error{Kind: errs.Invalid, Fields: map[string]any{"storage_settings": []string{"The storage cannot be used: " + err.Error()}}}
}

func roundTrip(ctx context.Context, blobs storage.Storage) (err error) {
	key := "check/" + ident.New()
	if _, err := storage.Put(ctx, blobs, key, strings.NewReader(probe)); err != nil {
		return fmt.Errorf("write to it: %w", err)
	}
	defer func() {
		if gone := blobs.Delete(ctx, key); gone != nil {
			err = errors.Join(err, fmt.Errorf("delete from it: %w", gone))
		}
	}()
	r, err := blobs.Open(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read from it: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	got, err := io.ReadAll(io.LimitReader(r, 2*int64(len(probe))))
	if err == nil && string(got) != probe {
		err = errs.New(errs.Invalid, "other bytes came back than were written")
	}
	return err
}
