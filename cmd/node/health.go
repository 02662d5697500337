package node

import (
	"context"
	"fmt"
	"os"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/obs/health"
	"github.com/packhouse/packhouse/core/storage"
)

// checks are what the process uses. Redis only carries wake-ups, so it is no reason to send nothing here.
func (n *Node) checks() []health.Check {
	all := []health.Check{{Name: "database", Ask: n.databaseAnswers}, {Name: "storage", Ask: n.storageAnswers}}
	if n.o.Mode.dispatches() && !n.settings().RedisURL.Empty() {
		all = append(all, health.Check{Name: "redis", Ask: n.tasks.Ping, Optional: true})
	}
	return all
}

// databaseAnswers reads something, which waits for no writer.
func (n *Node) databaseAnswers(ctx context.Context) error {
	var one int
	if err := n.db.Read(ctx).Raw("SELECT 1").Scan(&one).Error; err != nil {
		return fmt.Errorf("read from the database: %w", err)
	}
	return nil
}

// storageAnswers looks for the folder, or asks the object storage for something that it does not have: whatever it says, it
// answers.
func (n *Node) storageAnswers(ctx context.Context) error {
	if _, local := n.blobs.(storage.Local); local {
		info, err := os.Stat(n.settings().Storage.Location)
		if err == nil && !info.IsDir() {
			err = errs.New(errs.Unavailable, "%s is no folder", n.settings().Storage.Location)
		}
		if err != nil {
			return errs.New(errs.Unavailable, "look for the folder of the storage, is its file system mounted? %w", err)
		}
		return nil
	}
	_, err := n.blobs.Stat(ctx, "health/nothing")
	if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Canceled) {
		return fmt.Errorf("ask the object storage: %w", err)
	}
	return nil
}
