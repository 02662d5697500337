package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// OpenDatabase opens the database of the settings. With existing, a missing file of the embedded database is not made but
// told as errs.NotFound. A server that does not answer is errs.Unavailable.
func OpenDatabase(ctx context.Context, s config.Settings, log *slog.Logger, existing bool) (*db.DB, error) {
	if file := DatabaseFile(s); file != "" && existing {
		_, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errs.New(errs.NotFound, "there is no database %s yet; start packhouse serve, run packhouse migrate, or name the right folder with --data", file)
		}
		if err != nil {
			return nil, errs.New(errs.Invalid, "look for the database, check that this user may read the folder: %w", err)
		}
	}
	d, err := db.Open(ctx, db.Options{URL: s.Database.URL.Reveal(), MaxConnections: s.Database.MaxConnections, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return d, nil
}
