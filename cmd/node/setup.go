package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/migrations"
)

// Setup brings an installation into being, or up to date: folders, tables, key file, default domain, first admin. Every
// step finds out by itself whether it still has to be done, so a Setup that was cut off is simply run again.
type Setup struct {
	Registry *app.Registry
	Settings config.Settings
	Log      *slog.Logger
	// Terminal tells that a person reads what is printed, so that a generated password may be shown there.
	Terminal bool
	// Offline says that no other process is running; see migrations.Options.
	Offline bool
	// Report is called after each migration; may be nil.
	Report func(migrations.Step, time.Duration)
}

// MakeFolders makes what must be there before the database can be opened.
func (s Setup) MakeFolders() error { return makeFolders(s.Settings) }

// Run does the rest. It gives the keys for secrets and what became of the first admin.
func (s Setup) Run(ctx context.Context, d *db.DB) (*secret.Box, Admin, error) {
	if err := s.migrate(ctx, d); err != nil {
		return nil, Admin{}, err
	}
	box, err := s.keys(ctx, d)
	if err != nil {
		return nil, Admin{}, err
	}
	if err := s.defaultDomain(ctx, d); err != nil {
		return nil, Admin{}, err
	}
	if err := base.MakeArtifactDistribution(ctx, d); err != nil {
		return nil, Admin{}, err
	}
	if err := s.access(ctx, d); err != nil {
		return nil, Admin{}, err
	}
	admin, err := s.firstAdmin(ctx, d)
	return box, admin, err
}

func (s Setup) migrate(ctx context.Context, d *db.DB) error {
	runner, err := Migrations(d, s.Registry, s.Log, s.Offline)
	if err != nil {
		return err
	}
	if err := runner.Apply(ctx, s.Report); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	return nil
}

// keys makes the key file of a new installation, and only of a new one: what an older key has sealed, a new one cannot
// open. The default domain comes after the key, so a database that has it has had its key.
func (s Setup) keys(ctx context.Context, d *db.DB) (*secret.Box, error) {
	used, err := hasDomain(ctx, d)
	if err != nil {
		return nil, err
	}
	if used {
		return openKeys(s.Settings)
	}
	box, err := secret.LoadOrCreate(s.Settings.DBEncryptionKey)
	if err != nil {
		return nil, fmt.Errorf("make the key file db_encryption_key: %w", err)
	}
	return box, nil
}

// openKeys reads the key file that must be there.
func openKeys(s config.Settings) (*secret.Box, error) {
	box, err := secret.Load(s.DBEncryptionKey)
	if errs.Is(err, errs.NotFound) {
		return nil, errs.New(errs.NotFound, "the key file %s is missing and the database is in use; put back the one that packhouse serve or packhouse migrate has made, or name it in db_encryption_key", s.DBEncryptionKey)
	}
	if err != nil {
		return nil, fmt.Errorf("open the key file db_encryption_key: %w", err)
	}
	return box, nil
}

// keysIfAny is openKeys for a process that only serves content: what is stored is served without keys too. They are
// needed to fetch from remotes with credentials, so their absence is told.
func (n *Node) keysIfAny() (*secret.Box, error) {
	path := n.settings().DBEncryptionKey
	box, err := secret.Load(path)
	if errs.Is(err, errs.NotFound) || errors.Is(err, fs.ErrPermission) {
		n.o.Log.Warn("the key file cannot be read: what is stored is served, but nothing is fetched from remotes that have credentials; copy it from the API's host or name it in db_encryption_key", "file", path, "error", err)
		return &secret.Box{}, nil // refuses everything
	}
	if err != nil {
		return nil, fmt.Errorf("open the key file db_encryption_key: %w", err)
	}
	return box, nil
}

func hasDomain(ctx context.Context, d *db.DB) (bool, error) {
	var n int64
	err := d.Read(ctx).Model(&model.Domain{}).Where("id = ?", ident.DefaultDomain).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("look for the default domain: %w", err)
	}
	return n > 0, nil
}

func (s Setup) defaultDomain(ctx context.Context, d *db.DB) error {
	if used, err := hasDomain(ctx, d); used || err != nil {
		return err
	}
	now := model.Now()
	row := model.Domain{
		ID: ident.DefaultDomain, Name: "default", StorageClass: storageClass(s.Settings),
		RedirectToObjectStorage: s.Settings.RedirectToObjectStorage, HideGuardedDistributions: s.Settings.HideGuardedDistributions,
		PulpCreated: now, PulpLastUpdated: now,
	}
	err := d.InTx(ctx, func(tx *db.Tx) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error
	})
	if err != nil {
		return fmt.Errorf("make the default domain: %w", err)
	}
	return nil
}

// storageClass is the contract's name for the kind of storage (rest-contract, domains).
func storageClass(s config.Settings) string {
	if s.Storage.Backend == "s3" {
		return "storages.backends.s3boto3.S3Boto3Storage"
	}
	return "pulpcore.app.models.storage.FileSystem"
}

// RunAlone opens the database for one Setup and closes it again.
func (s Setup) RunAlone(ctx context.Context) (admin Admin, err error) {
	if err := s.MakeFolders(); err != nil {
		return Admin{}, err
	}
	d, err := OpenDatabase(ctx, s.Settings, s.Log, false)
	if err != nil {
		return Admin{}, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	_, admin, err = s.Run(ctx, d)
	return admin, err
}
