package publication

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// What a distribution has ceased to serve is noted by those who make it cease: a publication that becomes complete, and a
// distribution that is bound to something else. Whoever forgets to note it only ends at once what would have gone on for a
// while.

// note is the end of a statement that notes something again.
const note = " ON CONFLICT (distribution_id, publication_id) DO UPDATE SET superseded_at = excluded.superseded_at"

// clocksApart is how far the clocks of two processes may be apart.
const clocksApart = time.Minute

// supersede notes what the distributions served until p became complete: those of its repository, and those of its version.
func supersede(tx *db.Tx, p *model.Publication) error {
	for column, id := range map[string]string{"repository_id": p.RepositoryID, "repository_version_id": p.RepositoryVersionID} {
		before, err := newest(tx, column, id, p.ID)
		if err != nil {
			return err
		}
		if before == nil || before.VersionNumber > p.VersionNumber || before.VersionNumber == p.VersionNumber && before.ID > p.ID {
			continue
		}
		err = tx.Exec("INSERT INTO core_superseded (distribution_id, publication_id, superseded_at) SELECT d.id, ?, ? FROM core_distributions d WHERE d."+column+" = ? AND NOT d.checkpoint"+note,
			before.ID, model.Now(), id).Error
		if err != nil {
			return fmt.Errorf("note what is superseded: %w", err)
		}
	}
	return nil
}

// newest gives the complete publication of a repository or version that is served, unless it is the one to leave out.
func newest(tx *db.Tx, column, id, without string) (*model.Publication, error) {
	q := tx.Where(column+" = ? AND complete", id)
	if without != "" {
		q = q.Where("id <> ?", without)
	}
	var found []model.Publication
	if err := q.Order("version_number DESC, id DESC").Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Rebound notes what a distribution served before it was bound to something else. With another content guard it forgets
// what it served: those whom the old guard kept out shall not find it behind the new one, or behind none.
func Rebound(tx *db.Tx, old, now *model.Distribution) error {
	if !sameGuard(old, now) {
		return guardedAnew(tx, old)
	}
	if old.Checkpoint {
		return nil // checkpoints are where they were
	}
	was, err := current(tx, old)
	if err != nil || was == "" {
		return err
	}
	is, err := current(tx, now)
	if err != nil || was == is {
		return err
	}
	err = tx.Exec("INSERT INTO core_superseded (distribution_id, publication_id, superseded_at) VALUES (?, ?, ?)"+note, now.ID, was, model.Now()).Error
	if err != nil {
		return fmt.Errorf("note what is superseded: %w", err)
	}
	return nil
}

func sameGuard(a, b *model.Distribution) bool {
	if a.ContentGuardID == nil || b.ContentGuardID == nil {
		return a.ContentGuardID == b.ContentGuardID
	}
	return *a.ContentGuardID == *b.ContentGuardID
}

// guardedAnew forgets what a distribution had ceased to serve. What it served until now is barred, or else it would be
// noted when the distribution is bound to something else after its guard was taken off, and not before.
func guardedAnew(tx *db.Tx, old *model.Distribution) error {
	if err := tx.Exec("DELETE FROM core_superseded WHERE distribution_id = ?", old.ID).Error; err != nil {
		return fmt.Errorf("forget what is superseded: %w", err)
	}
	was, err := current(tx, old)
	if err != nil || was == "" {
		return err
	}
	err = tx.Exec("INSERT INTO core_superseded (distribution_id, publication_id, superseded_at, barred) VALUES (?, ?, ?, TRUE)"+note+", barred = TRUE", old.ID, was, model.Now()).Error
	if err != nil {
		return fmt.Errorf("bar what was served behind another guard: %w", err)
	}
	return nil
}

// current is the publication that a distribution serves; empty where there is none.
func current(tx *db.Tx, d *model.Distribution) (string, error) {
	var found *model.Publication
	var err error
	switch {
	case d.PublicationID != nil:
		return *d.PublicationID, nil
	case d.RepositoryVersionID != nil:
		found, err = newest(tx, "repository_version_id", *d.RepositoryVersionID, "")
	case d.RepositoryID != nil:
		found, err = newest(tx, "repository_id", *d.RepositoryID, "")
	}
	if err != nil || found == nil {
		return "", err
	}
	return found.ID, nil
}

// ForgetSuperseded forgets what has been superseded for longer than period, or will be (a clock was ahead), and tells how
// many rows that were. What is barred stays so for the whole period.
func ForgetSuperseded(ctx context.Context, d *db.DB, period time.Duration) (gone int64, err error) {
	err = d.InTx(ctx, func(tx *db.Tx) error {
		done := tx.Exec("DELETE FROM core_superseded WHERE superseded_at <= ? OR superseded_at > ? AND NOT barred", model.Now().Add(-period), model.Now().Add(clocksApart))
		gone = done.RowsAffected
		return done.Error
	})
	return gone, err
}
