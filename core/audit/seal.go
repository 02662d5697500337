package audit

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
)

// sealBatch is how many entries one transaction seals.
const sealBatch = 1000

// Seal gives all entries that wait their positions and hashes. Any number of processes may do it at once: one after the
// other gets the head. An entry whose proof was made with a key that this process does not have is left to others.
func (l *Log) Seal(ctx context.Context) error {
	for after := ""; ; {
		last, err := l.sealSome(ctx, after)
		if err != nil {
			return fmt.Errorf("seal the audit log: %w", err)
		}
		if last == "" {
			return nil
		}
		after = last
	}
}

// sealSome seals a batch of those behind an identity and gives the last one that it looked at.
func (l *Log) sealSome(ctx context.Context, after string) (last string, err error) {
	err = l.o.DB.InTx(db.Alone(ctx), func(tx *db.Tx) error {
		at, err := l.lockEnds(tx)
		if err != nil {
			return err
		}
		rows, err := waiting(tx, after)
		if err != nil || len(rows) == 0 {
			last = ""
			return err
		}
		last = rows[len(rows)-1].ID
		sealed, head := l.extend(at.head(), rows)
		if err := store(tx, sealed); err != nil || len(sealed) == 0 {
			return err
		}
		return l.storeHead(tx, head)
	})
	return last, err
}

func waiting(tx *db.Tx, after string) (rows []Entry, err error) {
	query := tx.Where("position IS NULL")
	if after != "" {
		query = query.Where("id > ?", after)
	}
	return rows, query.Order("id").Limit(sealBatch).Find(&rows).Error
}

// extend continues the chain with entries, and gives those that were sealed and the new head.
func (l *Log) extend(head Point, rows []Entry) (sealed []Entry, _ Point) {
	for _, e := range rows {
		genuine, err := l.proven(&e)
		if err != nil {
			l.o.Log.Warn("an entry of the audit log was proven with a key that is not in this process's key file; it is left to one that has it", "entry", e.ID, "error", err)
			continue
		}
		if !genuine {
			l.o.Log.Error("an entry of the audit log was put into the database or changed there by hand; it is sealed as not genuine", "entry", e.ID)
		}
		head.Position++
		position := head.Position
		e.Position, e.Genuine = &position, genuine
		e.Hash = e.Chain(head.Hash)
		head.Hash = e.Hash
		sealed = append(sealed, e)
	}
	return sealed, head
}

func store(tx *db.Tx, sealed []Entry) error {
	rows := db.Table{Columns: db.Columns("id uuid", "position bigint", "genuine boolean", "hash text")}
	for _, e := range sealed {
		rows.Rows = append(rows.Rows, []any{e.ID, *e.Position, e.Genuine, e.Hash})
	}
	_, err := tx.From(rows, `UPDATE core_audit_entries SET position = w.position, genuine = w.genuine, hash = w.hash, proof = NULL
		FROM w WHERE core_audit_entries.id = w.id AND core_audit_entries.position IS NULL`)
	return err
}
