package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
)

// noteTimeout bounds the writing down of what became of a source.
const noteTimeout = 10 * time.Second

// keep stores what was verified, gives it to the unit and ends the lease, in one transaction.
func (f *Fetcher) keep(ctx context.Context, p place, c candidate, l *lease, received *artifact.Received) (*model.Artifact, error) {
	if err := received.Seal(ctx); err != nil {
		return nil, err
	}
	var kept *model.Artifact
	err := f.DB.InTx(ctx, func(tx *db.Tx) error {
		saved, _, err := received.Save(ctx, tx, p.domain)
		if err != nil {
			return err
		}
		if kept, err = attach(tx, p, saved); err != nil {
			return err
		}
		if c.FailedAt != nil {
			if err := setFailed(tx, c, nil); err != nil {
				return err
			}
		}
		if l == nil {
			return nil
		}
		return l.giveBack(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("store a file that was fetched: %w", err)
	}
	return kept, nil
}

// attach gives an artifact to the unit, and tells which one the unit has now: another process may have been first.
func attach(tx *db.Tx, p place, a *model.Artifact) (*model.Artifact, error) {
	done := tx.Model(&model.ContentArtifact{}).
		Where("content_id = ? AND relative_path = ? AND artifact_id IS NULL", p.content, p.path).Update("artifact_id", a.ID)
	if done.Error != nil || done.RowsAffected > 0 {
		return a, done.Error
	}
	first, err := attached(tx.DB, p)
	if first == nil {
		first = a // the unit is gone; the clean-up takes what nothing refers to
	}
	return first, err
}

// sound tells whether an artifact has its bytes.
func (f *Fetcher) sound(ctx context.Context, a *model.Artifact) (bool, error) {
	store, err := f.Store.In(ctx, a.DomainID)
	if err != nil {
		return false, err
	}
	info, err := store.Storage.Stat(ctx, a.File)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return err == nil && info.Size == a.Size, err
}

// there looks whether the file has been stored since the client's look-up, for the unit or for another one.
func (f *Fetcher) there(ctx context.Context, p place, all []candidate) (*model.Artifact, error) {
	read := f.DB.Read(ctx)
	a, err := attached(read, p)
	if a != nil || err != nil || len(all) == 0 || all[len(all)-1].digest() == "" {
		return a, err
	}
	var same []model.Artifact
	err = read.Where("domain_id = ? AND sha256 = ?", p.domain, all[len(all)-1].digest()).Limit(1).Find(&same).Error
	if err != nil || len(same) == 0 {
		return nil, err
	}
	if sound, err := f.sound(ctx, &same[0]); err != nil || !sound {
		return nil, err // where its bytes are gone, fetching puts them back
	}
	err = f.DB.InTx(ctx, func(tx *db.Tx) error {
		found, err := f.Store.Find(ctx, tx, p.domain, same[0].SHA256)
		if err != nil || found == nil {
			a = nil
			return err
		}
		if found.ReclaimAfter != nil {
			if err := tx.Model(&model.Artifact{}).Where("id = ?", found.ID).Update("reclaim_after", nil).Error; err != nil {
				return err
			}
		}
		a, err = attach(tx, p, found)
		return err
	})
	return a, err
}

// attached is the artifact that the unit has, nil for none.
func attached(read *gorm.DB, p place) (*model.Artifact, error) {
	var found []model.Artifact
	err := read.Where("id = (SELECT artifact_id FROM core_content_artifacts WHERE content_id = ? AND relative_path = ?)", p.content, p.path).
		Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// broken tells that a source has other bytes than it said, or does not have the file: asking again soon is no use.
func broken(err error) bool {
	_, differs := errors.AsType[*wrong](err)
	status, _ := remote.Status(err)
	return differs || status == http.StatusNotFound || status == http.StatusGone
}

// remember has a source left alone for a while.
func (f *Fetcher) remember(ctx context.Context, c candidate) {
	now := model.Now()
	f.write(ctx, c, &now)
}

// mend forgets an old failure of a source that has just done well.
func (f *Fetcher) mend(ctx context.Context, c candidate) {
	if c.FailedAt != nil {
		f.write(ctx, c, nil)
	}
}

// write sets the failure of a source. That it cannot be written down is no trouble of the client.
func (f *Fetcher) write(ctx context.Context, c candidate, at *time.Time) {
	// detached: the last client may have gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	err := f.DB.InTx(ctx, func(tx *db.Tx) error { return setFailed(tx, c, at) })
	if err != nil && !errs.Is(err, errs.Canceled) {
		f.Log.Warn("the state of a source could not be written down", slog.String("url", remote.Clean(c.URL)), slog.Any("error", err))
	}
}

func setFailed(tx *db.Tx, c candidate, at *time.Time) error {
	return tx.Model(&model.RemoteArtifact{}).
		Where("content_id = ? AND relative_path = ? AND remote_id = ?", c.ContentID, c.RelativePath, c.RemoteID).
		Update("failed_at", at).Error
}
