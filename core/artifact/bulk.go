package artifact

import (
	"context"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Place makes the bytes durable where their artifact will look for them, before the transaction that writes its row:
// the slow part of many files can so be done side by side. Bytes without a row are nobody's until then, and a clean-up
// leaves them alone for its time of grace.
func (r *Received) Place(ctx context.Context) error {
	return r.commit(ctx, r.store.key(r.Digests[SHA256]))
}

// Gathers tells whether PlaceAll is cheaper than a Place for each.
func (s *Store) Gathers() bool {
	_, can := s.Storage.(storage.Gatherer)
	return can
}

// PlaceAll is Place for many.
func (s *Store) PlaceAll(ctx context.Context, files []*Received) error {
	gatherer, can := s.Storage.(storage.Gatherer)
	var blobs []storage.Staged
	var keys []string
	for _, f := range files {
		blob, staged := f.bytes.(storage.Staged)
		if !can || !staged {
			if err := f.Place(ctx); err != nil {
				return err
			}
			continue
		}
		blobs, keys = append(blobs, blob), append(keys, s.key(f.Digests[SHA256]))
	}
	if len(blobs) > 0 {
		if err := gatherer.CommitAll(ctx, blobs, keys); err != nil {
			return err
		}
	}
	for _, f := range files {
		f.at = s.key(f.Digests[SHA256])
	}
	return nil
}

// SaveAll writes the rows of files that were placed, and gives the identity of the artifact of each SHA-256: that of a
// row that was there, or of a new one.
func (s *Store) SaveAll(tx *db.Tx, domain string, files []*Received) (map[string]string, error) {
	if err := s.may(tx, domain); err != nil {
		return nil, err
	}
	rows := db.Table{Columns: db.Columns("id uuid", "domain_id uuid", "file text", "size bigint", "md5 text", "sha1 text", "sha224 text", "sha256 text", "sha384 text", "sha512 text",
		"timestamp_of_interest timestamptz", "pulp_created timestamptz", "pulp_last_updated timestamptz")}
	digests := make([]string, 0, len(files))
	for _, f := range files {
		if f.at == "" {
			return nil, errs.New(errs.Internal, "an artifact is saved before its bytes are in place")
		}
		b, d := model.NewBase(domain), f.Digests
		digests = append(digests, d[SHA256])
		rows.Rows = append(rows.Rows, []any{b.ID, domain, f.at, f.Size, d.optional(MD5), d.optional(SHA1), d.optional(SHA224), d[SHA256], d.optional(SHA384), d.optional(SHA512),
			b.PulpCreated, b.PulpCreated, b.PulpCreated})
	}
	if err := s.inPlace(tx, files); err != nil {
		return nil, err
	}
	for range contests {
		if _, err := tx.InsertRows("core_artifacts", rows, "ON CONFLICT DO NOTHING"); err != nil {
			return nil, err
		}
		found, err := holdAll(tx, domain, digests)
		if err != nil || complete(found, digests) {
			return found, err
		}
		for _, f := range files {
			if found[f.Digests[SHA256]] != "" {
				continue
			}
			if err := unlike(tx, domain, f.Digests); err != nil {
				return nil, err
			}
		}
	}
	return nil, contested(files[0].Digests)
}

// Finder is a database or a transaction in it.
type Finder interface {
	Query(rows db.Table, statement string, scan func(read func(into ...any) error) error, args ...any) error
}

// FindAll gives the identities of the artifacts of a domain by SHA-256; what is not there is left out.
func FindAll(in Finder, domain string, sha256s []string) (map[string]string, error) {
	rows := db.Table{Columns: db.Columns("sha256 text")}
	for _, digest := range sha256s {
		rows.Rows = append(rows.Rows, []any{digest})
	}
	found := make(map[string]string, len(sha256s))
	// The look-up stands where it is one index step for each digest, whatever the planner knows of the table.
	err := in.Query(rows, `SELECT f.sha256, f.id FROM (SELECT w.sha256, (SELECT a.id FROM core_artifacts a WHERE a.domain_id = ? AND a.sha256 = w.sha256) AS id FROM w LIMIT 1000000000) f
		WHERE f.id IS NOT NULL`, func(read func(...any) error) error {
		var digest, id string
		if err := read(&digest, &id); err != nil {
			return err
		}
		found[digest] = id
		return nil
	}, domain)
	return found, err
}
