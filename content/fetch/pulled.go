package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// keepPulled stores what came with all that follows from it, and ends the lease, in one transaction. A distribution that has
// another remote by now, or whose remote leads elsewhere, or that is gone, gets nothing.
func (f *Fetcher) keepPulled(ctx context.Context, t *transfer, c candidate, l *lease, received *artifact.Received) (*model.Artifact, error) {
	if err := received.Seal(ctx); err != nil {
		return nil, err
	}
	var kept *model.Artifact
	unit := ""
	err := f.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		if kept, _, err = received.Save(ctx, tx, t.place.domain); err != nil {
			return err
		}
		d, err := t.errand.still(tx)
		if err == nil && d != nil {
			unit, err = f.record(ctx, tx, t, c, d, kept)
		}
		if err != nil || l == nil {
			return err
		}
		return l.giveBack(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("store a file that was pulled through: %w", err)
	}
	t.update(func() { t.unit = unit })
	return kept, nil
}

// still gives the distribution as it is now; nil when it does not pull from the remote any more, or that is not what it was.
// Both stay until the transaction ends.
func (e *errand) still(tx *db.Tx) (*model.Distribution, error) {
	err := errors.Join(tx.HoldRow("core_distributions", e.distribution.ID), tx.HoldRow("core_remotes", e.Remote.ID))
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var now model.Distribution
	if err := tx.Where("id = ?", e.distribution.ID).Take(&now).Error; err != nil {
		return nil, err
	}
	if now.RemoteID == nil || *now.RemoteID != e.Remote.ID {
		return nil, nil
	}
	if same, err := e.sameRemote(tx); err != nil || !same {
		return nil, err
	}
	return &now, nil
}

// sameRemote tells whether the remote leads where it led, and keeps as it did. It does not change until the transaction
// ends: who changes its URL forgets what came from the old one, and waits for this.
func (e *errand) sameRemote(tx *db.Tx) (bool, error) {
	query := tx.Select("url", "policy").Where("id = ?", e.Remote.ID)
	if tx.Dialect() == db.Postgres {
		query = query.Clauses(clause.Locking{Strength: "SHARE"})
	}
	var now model.Remote
	if err := query.Take(&now).Error; err != nil {
		return false, err
	}
	return now.URL == e.Remote.URL && now.Policy == e.Remote.Policy, nil
}

// record makes the unit, says where its file can be had again, and has it added to the repository.
func (f *Fetcher) record(ctx context.Context, tx *db.Tx, t *transfer, c candidate, d *model.Distribution, a *model.Artifact) (unit string, err error) {
	unit, path, err := t.errand.Unit(ctx, tx, d.DomainID, a)
	if err != nil {
		return "", err
	}
	source := &model.RemoteArtifact{ContentID: unit, RelativePath: path, RemoteID: c.RemoteID, URL: c.URL, Size: &a.Size, SHA256: &a.SHA256}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(source).Error; err != nil {
		return "", err
	}
	now := model.Now()
	row := &model.Pull{
		DistributionID: d.ID, Path: t.place.path, RemoteID: c.RemoteID, URL: c.URL, ContentID: &unit, ContentPath: &path,
		ETag: c.validators.etag, LastModified: c.validators.modified, PulledAt: &now, CheckedAt: now,
	}
	if before := t.errand.Known; before != nil && before.PulledAt != nil {
		if kept := t.errand.Kept; kept != nil && kept.ContentID == unit && kept.Artifact.ID == a.ID {
			row.PulledAt = before.PulledAt // it came again, and is the same
		} else if next := before.PulledAt.Add(time.Second); next.After(now) {
			row.PulledAt = &next // clients know a file by the second in which it came
		}
	}
	if d.RepositoryID != nil {
		if row.Waiting, err = f.haveAdded(ctx, tx, d, unit); err != nil {
			return "", err
		}
	}
	return unit, tx.Clauses(whole()).Create(row).Error
}

// whole replaces the row of a path.
func whole() clause.OnConflict {
	return clause.OnConflict{Columns: []clause.Column{{Name: "distribution_id"}, {Name: "path"}}, UpdateAll: true}
}

// confirm notes that what was kept is what there is.
func (f *Fetcher) confirm(ctx context.Context, t *transfer, h http.Header) error {
	e := t.errand
	columns := map[string]any{"checked_at": model.Now()}
	if v := validatorsOf(h); v.etag != nil {
		columns["etag"] = v.etag
	}
	err := f.DB.InTx(ctx, func(tx *db.Tx) error {
		// Where no repository has it, that keeps the clean-up from taking it. The unit comes before its row, as there.
		err := tx.Model(&model.Content{}).Where("id = ?", e.Kept.ContentID).Update("timestamp_of_interest", model.Now()).Error
		if err != nil {
			return err
		}
		return tx.Model(&model.Pull{}).Where("distribution_id = ? AND path = ? AND content_id = ? AND url = ?", e.distribution.ID, e.Path, e.Kept.ContentID, e.URL).Updates(columns).Error
	})
	if err != nil {
		return &trouble{fmt.Errorf("note that a file is still the same: %w", err)}
	}
	t.update(func() { t.unit = e.Kept.ContentID })
	return nil
}

// settled tells what another process has found out about the path since the client's look-up: the file, or that there is
// none. Nil for both is nothing.
func (f *Fetcher) settled(ctx context.Context, t *transfer) (*model.Artifact, error) {
	e := t.errand
	if e == nil {
		return attached(f.DB.Read(ctx), t.place)
	}
	read := f.DB.Read(ctx)
	var found []model.Pull
	err := read.Where("distribution_id = ? AND path = ? AND remote_id = ? AND url = ?", e.distribution.ID, e.Path, e.Remote.ID, e.URL).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 || e.Known != nil && e.Known.CheckedAt.Equal(found[0].CheckedAt) {
		return nil, err
	}
	row := found[0]
	if e.Kept == nil && e.Known != nil && e.Known.ContentID != nil && e.Known.PulledAt != nil && row.PulledAt != nil && row.PulledAt.Equal(*e.Known.PulledAt) {
		return nil, nil // it was only found to be the same, which is no use to who has nothing to serve
	}
	if row.ContentID == nil || row.ContentPath == nil {
		return nil, notThere()
	}
	t.update(func() { t.unit = *row.ContentID })
	return attached(read, place{t.place.domain, *row.ContentID, *row.ContentPath})
}

// absences is after how many "there is no such file" those that are too old or too many are swept away.
const absences = 64

// mostAbsences is how many are kept: whoever asks for names at random fills nothing up.
const mostAbsences = 10_000

// noteAbsent notes that the upstream has no such file. That it cannot be noted is no trouble of the client.
func (f *Fetcher) noteAbsent(ctx context.Context, t *transfer) {
	if f.Missing == 0 {
		return
	}
	e := t.errand
	row := &model.Pull{DistributionID: e.distribution.ID, Path: e.Path, RemoteID: e.Remote.ID, URL: e.URL, CheckedAt: model.Now()}
	// detached: the client may have gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	err := f.DB.InTx(ctx, func(tx *db.Tx) error {
		d, err := e.still(tx)
		if err != nil || d == nil {
			return err
		}
		if err := tx.Clauses(whole()).Create(row).Error; err != nil {
			return err
		}
		if f.absent.Add(1)%absences != 0 {
			return nil
		}
		return f.forgetAbsent(tx)
	})
	if err != nil && !errs.Is(err, errs.Canceled) {
		f.Log.Warn("that an upstream has no such file could not be written down", slog.String("path", e.Path), slog.Any("error", err))
	}
}

// ahead is how far the clock of a process may be ahead of another one's. What is later is of a clock that was wrong.
const ahead = time.Minute

// forgetAbsent removes what does not count any more, and the oldest of what is too much.
func (f *Fetcher) forgetAbsent(tx *db.Tx) error {
	return errors.Join(
		tx.Exec("DELETE FROM core_pulls WHERE content_id IS NULL AND (checked_at < ? OR checked_at > ?)", model.Now().Add(-f.Missing), model.Now().Add(ahead)).Error,
		tx.Exec(`DELETE FROM core_pulls WHERE content_id IS NULL AND checked_at <=
			(SELECT checked_at FROM core_pulls WHERE content_id IS NULL ORDER BY checked_at DESC LIMIT 1 OFFSET ?)`, mostAbsences).Error,
	)
}
