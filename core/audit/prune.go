package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// pruneBatch is how many entries one transaction removes.
const pruneBatch = 5000

// Prune removes entries from the beginning of the chain, up to the first that was written at or after before. The last
// one removed stays known as the anchor, which the chain goes on from.
func (l *Log) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		n, err := l.pruneSome(ctx, before.UTC())
		removed += n
		if err != nil {
			return removed, fmt.Errorf("remove old entries of the audit log: %w", err)
		}
		if n == 0 {
			return removed, nil
		}
	}
}

func (l *Log) pruneSome(ctx context.Context, before time.Time) (removed int64, err error) {
	err = l.o.DB.InTx(db.Alone(ctx), func(tx *db.Tx) error {
		removed = 0
		at, err := l.lockEnds(tx)
		if err != nil {
			return err
		}
		last, err := lastBefore(tx, at, before)
		if err != nil || last.Position <= at.AnchorPosition {
			return err
		}
		if err := l.storeAnchor(tx, last); err != nil {
			return err
		}
		done := tx.Exec("DELETE FROM core_audit_entries WHERE position <= ?", last.Position)
		removed = last.Position - at.AnchorPosition
		return done.Error
	})
	return removed, err
}

// lastBefore gives the entry that a batch ends with.
func lastBefore(tx *db.Tx, at *ends, before time.Time) (last Point, err error) {
	var first []int64
	most := at.AnchorPosition + pruneBatch
	err = tx.Raw("SELECT position FROM core_audit_entries WHERE position > ? AND position <= ? AND at >= ? ORDER BY position LIMIT 1", at.AnchorPosition, most, before).Scan(&first).Error
	if err != nil {
		return last, err
	}
	last.Position = min(most, at.Position)
	if len(first) > 0 {
		last.Position = min(last.Position, first[0]-1)
	}
	if last.Position <= at.AnchorPosition {
		return last, nil
	}
	var hashes []string
	if err := tx.Raw("SELECT hash FROM core_audit_entries WHERE position = ?", last.Position).Scan(&hashes).Error; err != nil {
		return last, err
	}
	if len(hashes) != 1 {
		return last, errs.New(errs.Internal, "the entry at position %d is missing, so nothing is removed; run packhouse audit verify", last.Position)
	}
	last.Hash = hashes[0]
	return last, nil
}
