package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
)

// save stores a batch in one transaction.
func (p *pipeline) save(ctx context.Context, s *stage, b *batch) error {
	if !p.Mirror && !p.staged && len(b.items) == 0 {
		return nil // members that stay members, and nothing that could be taken back
	}
	err := p.Run.InTx(ctx, func(tx *db.Tx) error { return p.store(tx, b) })
	if err != nil {
		b.cancel()
		return fmt.Errorf("store what the upstream has: %w", err)
	}
	s.count("units", len(b.items))
	return nil
}

func (p *pipeline) store(tx *db.Tx, b *batch) error {
	if err := tx.PreferIndexes(); err != nil {
		return err
	}
	units := p.distinct(b.items)
	if err := p.storeArtifacts(tx, units); err != nil {
		return err
	}
	if err := p.storeContents(tx, units); err != nil {
		return err
	}
	if err := p.storeFiles(tx, units); err != nil {
		return err
	}
	if err := p.storePlaces(tx, units); err != nil {
		return err
	}
	return p.stage(tx, b)
}

// distinct leaves one of several items for one unit; the others get its identity from it. They are in the order of
// their keys, so that two syncs of the same units take their locks in one order.
func (p *pipeline) distinct(items []*item) []*item {
	byKey := make(map[string]*item, len(items))
	units := make([]*item, 0, len(items))
	for _, i := range items {
		i.key, i.contentID, i.fresh = keyText(p.keyOf(i)), "", false
		if first, again := byKey[i.key]; again {
			i.same = first
			first.adopt(i)
			continue
		}
		i.same = nil
		byKey[i.key] = i
		units = append(units, i)
	}
	slices.SortFunc(units, func(a, b *item) int { return cmp.Compare(a.key, b.key) })
	return units
}

// keyText is a natural key as one text; texts of the database have no NUL in them.
func keyText(values []any) string {
	var text strings.Builder
	for _, v := range values {
		fmt.Fprint(&text, v)
		text.WriteByte(0)
	}
	return text.String()
}

// adopt takes over what another item of the same unit has found out.
func (i *item) adopt(other *item) {
	for k := range i.files {
		if k < len(other.files) && i.files[k].received == nil && i.files[k].artifactID == nil {
			i.files[k] = other.files[k]
		}
	}
}

// storeArtifacts makes artifacts of what was received, and looks whether those found earlier are still there.
func (p *pipeline) storeArtifacts(tx *db.Tx, units []*item) error {
	var received []*artifact.Received
	var found []string
	eachFile(units, func(i *item, k int) {
		switch f := &i.files[k]; {
		case f.received != nil:
			received = append(received, f.received)
		case f.artifactID != nil:
			found = append(found, *f.artifactID)
		}
	})
	saved, err := p.Store.SaveAll(tx, p.Run.Domain, received)
	if err != nil {
		return err
	}
	there, err := p.hold(tx, "core_artifacts", found)
	if err != nil {
		return err
	}
	gone := 0
	eachFile(units, func(i *item, k int) {
		f := &i.files[k]
		if f.received != nil {
			id := saved[f.received.Digests[artifact.SHA256]]
			f.artifactID = &id
		} else if f.artifactID != nil && !there[*f.artifactID] {
			f.artifactID = nil
			gone++
		}
	})
	if gone > 0 && p.wanted() {
		return errs.New(errs.Conflict, "%d files were cleaned up while the sync was about to refer to them; sync again", gone)
	}
	return nil
}

// hold keeps rows from being deleted until the end of the transaction, notes that they are wanted, and tells which are
// there.
func (p *pipeline) hold(tx *db.Tx, table string, ids []string) (map[string]bool, error) {
	there := make(map[string]bool, len(ids))
	slices.Sort(ids)
	lock := ""
	if tx.Dialect() == db.Postgres {
		lock = " FOR KEY SHARE"
	}
	for some := range slices.Chunk(slices.Compact(ids), 500) {
		var found []string
		if err := tx.Raw("SELECT id FROM "+table+" WHERE id IN ? ORDER BY id"+lock, some).Scan(&found).Error; err != nil {
			return nil, err
		}
		for _, id := range found {
			there[id] = true
		}
		err := tx.Exec("UPDATE "+table+" SET timestamp_of_interest = ? WHERE id IN ? AND timestamp_of_interest < ?", model.Now(), some, model.Now().Add(-touchEvery)).Error
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// touchEvery bounds how often a row is written only to say that it is still wanted.
const touchEvery = time.Hour

// storeContents finds the units that are there and makes the others. Of two who make one unit at the same time the
// second finds that of the first.
func (p *pipeline) storeContents(tx *db.Tx, units []*item) error {
	open := units
	for range 3 {
		if err := p.findContents(tx, open); err != nil {
			return err
		}
		open = slices.DeleteFunc(slices.Clone(open), func(i *item) bool { return i.contentID != "" })
		if len(open) == 0 {
			return nil
		}
		made, err := p.makeContents(tx, open)
		if err != nil || made {
			return err
		}
	}
	return errs.New(errs.Unavailable, "%d units are made and deleted by others again and again; sync again", len(open))
}

func (p *pipeline) findContents(tx *db.Tx, units []*item) error {
	rows := db.Table{Columns: append(db.Columns("w_item bigint"), p.key...)}
	for n, i := range units {
		rows.Rows = append(rows.Rows, append([]any{n}, p.keyOf(i)...))
	}
	var ids []string
	at := map[string]*item{}
	err := tx.Query(rows, `SELECT f.w_item, f.id FROM (SELECT w.w_item, `+p.idOf()+` AS id FROM w LIMIT 1000000000) f WHERE f.id IS NOT NULL`, func(read func(...any) error) error {
		var n int
		var id string
		if err := read(&n, &id); err != nil {
			return err
		}
		at[id], ids = units[n], append(ids, id)
		return nil
	}, p.Run.Domain)
	if err != nil || len(ids) == 0 {
		return err
	}
	there, err := p.hold(tx, "core_contents", ids)
	for id := range there {
		at[id].contentID, at[id].fresh = id, false
	}
	return err
}

// makeContents stores units, all or none: made is false when somebody else was first with one of them.
func (p *pipeline) makeContents(tx *db.Tx, units []*item) (made bool, err error) {
	master := db.Table{Columns: db.Columns("id uuid", "domain_id uuid", "pulp_type text", "pulp_labels jsonb", "timestamp_of_interest timestamptz", "first_seen_at timestamptz",
		"pulp_created timestamptz", "pulp_last_updated timestamptz")}
	detail := db.Table{Columns: p.detail}
	for _, i := range units {
		i.contentID, i.fresh = ident.New(), true
		now := ident.Time(i.contentID)
		master.Rows = append(master.Rows, []any{i.contentID, p.Run.Domain, p.Kind.PulpType, "{}", now, now, now, now})
		detail.Rows = append(detail.Rows, append([]any{i.contentID, p.Run.Domain}, i.values...))
	}
	if _, err := tx.InsertRows("core_contents", master, ""); err != nil {
		return false, err
	}
	stored, err := tx.InsertRows(p.Kind.Table, detail, "ON CONFLICT DO NOTHING")
	if err != nil || stored == int64(len(units)) {
		return err == nil, err
	}
	_, err = tx.From(db.Table{Columns: master.Columns[:1], Rows: first(master.Rows)}, "DELETE FROM core_contents WHERE id IN (SELECT w.id FROM w)")
	for _, i := range units {
		i.contentID, i.fresh = "", false
	}
	return false, err
}

func first(rows [][]any) [][]any {
	ids := make([][]any, len(rows))
	for i, row := range rows {
		ids[i] = row[:1]
	}
	return ids
}

// storeFiles says which artifacts the units offer; a unit that was there without one gets it.
func (p *pipeline) storeFiles(tx *db.Tx, units []*item) error {
	columns := db.Columns("content_id uuid", "relative_path text", "artifact_id uuid")
	fresh, known := db.Table{Columns: columns}, db.Table{Columns: columns}
	eachFile(units, func(i *item, k int) {
		row := []any{i.contentID, i.Files[k].RelativePath, i.files[k].artifactID}
		switch {
		case i.fresh:
			fresh.Rows = append(fresh.Rows, row)
		case i.files[k].artifactID != nil:
			known.Rows = append(known.Rows, row)
		}
	})
	if _, err := tx.InsertRows("core_content_artifacts", fresh, ""); err != nil {
		return err
	}
	_, err := tx.From(known, `UPDATE core_content_artifacts SET artifact_id = w.artifact_id FROM w
		WHERE core_content_artifacts.content_id = w.content_id AND core_content_artifacts.relative_path = w.relative_path AND core_content_artifacts.artifact_id IS NULL`)
	return err
}

// storePlaces says where the files can be fetched.
func (p *pipeline) storePlaces(tx *db.Tx, units []*item) error {
	if p.Remote == nil {
		return nil
	}
	rows := db.Table{Columns: db.Columns("content_id uuid", "relative_path text", "remote_id uuid", "url text", "size bigint", "sha256 text", "digests jsonb", "alternate boolean")}
	var fault error
	eachFile(units, func(i *item, k int) {
		f := i.Files[k]
		if f.URL == "" {
			return
		}
		others, err := otherDigests(f.Digests)
		if err != nil {
			fault = err
		}
		var sha256 *string
		if digest, told := f.Digests[artifact.SHA256]; told {
			sha256 = &digest
		}
		rows.Rows = append(rows.Rows, []any{i.contentID, f.RelativePath, p.Remote.ID, f.URL, f.Size, sha256, others, p.Alternate})
	})
	if fault != nil {
		return fault
	}
	_, err := tx.InsertRows("core_remote_artifacts", rows, `ON CONFLICT (content_id, relative_path, remote_id) DO UPDATE
		SET url = excluded.url, size = excluded.size, sha256 = excluded.sha256, digests = excluded.digests, alternate = excluded.alternate, failed_at = NULL`)
	return err
}

// otherDigests are the digests beside SHA-256, as JSON; nil for none.
func otherDigests(d artifact.Digests) (*string, error) {
	others := artifact.Digests{}
	for name, digest := range d {
		if name != artifact.SHA256 {
			others[name] = digest
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(others)
	text := string(raw)
	return &text, err
}

// stage says which units the version shall have. A member of the newest version need not be staged unless everything
// else is to go; but it takes back what was staged for its place before, for the last unit of a place counts.
func (p *pipeline) stage(tx *db.Tx, b *batch) error {
	order := append(slices.Clone(b.settled), b.items...)
	slices.SortStableFunc(order, func(a, b *item) int { return cmp.Compare(a.at, b.at) })
	var wanted, back []repository.Staged
	for _, i := range order {
		unit := repository.Staged{ContentID: i.identity()}
		if p.placeAt >= 0 {
			unit.Key = fmt.Sprint(i.values[p.placeAt])
		}
		wanted = append(wanted, unit)
	}
	if p.Mirror {
		return repository.Stage(tx, p.Run.ID, p.Kind.PulpType, wanted)
	}
	settled := map[string]bool{}
	for _, i := range b.settled {
		settled[i.contentID] = true
	}
	last := map[string]repository.Staged{}
	for _, u := range wanted {
		last[u.Place()] = u
	}
	wanted = wanted[:0]
	for _, u := range last {
		if settled[u.ContentID] {
			back = append(back, u)
		} else {
			wanted = append(wanted, u)
		}
	}
	if p.staged && len(back) > 0 {
		if err := repository.Unstage(tx, p.Run.ID, p.Kind.PulpType, back); err != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	p.staged = true
	return repository.Stage(tx, p.Run.ID, p.Kind.PulpType, wanted)
}

// identity is that of the unit, which another item of the batch may have.
func (i *item) identity() string {
	if i.same != nil {
		return i.same.contentID
	}
	return i.contentID
}

func eachFile(items []*item, do func(i *item, k int)) {
	for _, i := range items {
		for k := range i.Files {
			do(i, k)
		}
	}
}
