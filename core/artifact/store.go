package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Store receives bytes, hashes them on the way and keeps them once per domain as artifacts.
type Store struct {
	Storage storage.Storage
	// Algorithms are the digests that are computed and shown: the setting allowed_content_checksums.
	Algorithms []Algorithm
	// Domains gives the storages of other domains, see In; nil: all domains share Storage.
	Domains *Domains

	domain string    // "" is the default one
	stamp  string    // of the settings that Storage was opened with; "" where they cannot change
	blocks sync.Pool // of *[copyBlock]byte: a new one for each small file would be most of the garbage
}

// Received is a file that was read to its end and hashed, and is not visible yet. Cancel is safe to defer.
type Received struct {
	Digests Digests
	Size    int64

	bytes pending
	store *Store
	at    string // where the bytes are committed already: a transaction may run Save again
}

// pending are bytes that are not visible yet: a staged blob, or the file that chunks were written into.
type pending interface {
	Commit(ctx context.Context, key string) error
	Cancel() error
}

// Receive reads r to its end. The bytes lie beside the visible ones until Save; an error leaves nothing.
func (s *Store) Receive(ctx context.Context, r io.Reader) (*Received, error) {
	file, err := s.Take(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := file.Seal(ctx); err != nil {
		return nil, errors.Join(err, file.Cancel())
	}
	return file, nil
}

// Take is Receive without the Seal, for who has something to let go of before he waits for the disk.
func (s *Store) Take(ctx context.Context, r io.Reader) (*Received, error) {
	in, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.copy(in, storage.Reader(ctx, r)); err != nil {
		return nil, errors.Join(receiving(err), in.Cancel())
	}
	return in.Finish(), nil
}

func (s *Store) copy(to io.Writer, from io.Reader) error {
	block, ok := s.blocks.Get().(*[copyBlock]byte)
	if !ok {
		block = new([copyBlock]byte)
	}
	defer s.blocks.Put(block)
	_, err := io.CopyBuffer(to, from, block[:])
	return err
}

// copyBlock is the unit of copying in bytes: large enough for the system calls not to show.
const copyBlock = 256 << 10

// touchEvery bounds how often a row is written only to say that it is still wanted.
const touchEvery = time.Hour

// receiving gives a cut-off body its kind; errors of the storage have theirs.
func receiving(err error) error {
	if errs.KindOf(err) != errs.Internal {
		return err
	}
	return errs.New(errs.Invalid, "the file was not received to its end; send it again: %w", err)
}

// Cancel throws the bytes away. It does nothing after a Save that succeeded.
func (r *Received) Cancel() error { return r.bytes.Cancel() }

// Check compares size (negative: not given) and digests with what the sender expects of the bytes.
func (r *Received) Check(size int64, want Digests) error { return check(r.Size, r.Digests, size, want) }

func check(size int64, have Digests, wantSize int64, want Digests) error {
	if wantSize >= 0 && wantSize != size {
		return errs.Coded(errs.Invalid, "PLP0004", "the size is %d bytes where %d were expected; send the file again", size, wantSize)
	}
	for algorithm, digest := range want {
		got, known := have[algorithm]
		if !known {
			return errs.Coded(errs.Invalid, "PLP0020", "%s is not among the checksums that this server allows (setting allowed_content_checksums)", algorithm)
		}
		if got != digest {
			return errs.Coded(errs.Invalid, "PLP0003", "the %s is %s where %s was expected; send the file again", algorithm, got, digest)
		}
	}
	return nil
}

// Save makes the bytes visible and gives their artifact: the one that is there already, or a new one. The bytes are
// durable before the row is written, so no row ever leads to bytes that are not there.
func (r *Received) Save(ctx context.Context, tx *db.Tx, domain string) (a *model.Artifact, created bool, err error) {
	if err := r.store.may(tx, domain); err != nil {
		return nil, false, err
	}
	known, err := r.store.Find(ctx, tx, domain, r.Digests[SHA256])
	if err != nil {
		return nil, false, err
	}
	if known != nil {
		if err := r.present(ctx, known); err != nil {
			return nil, false, err
		}
		return known, false, r.store.touch(tx, known)
	}
	key := r.store.key(r.Digests[SHA256])
	if err := r.store.Reserve(tx, key); err != nil {
		return nil, false, err
	}
	if err := r.commit(ctx, key); err != nil {
		return nil, false, err
	}
	return r.store.insert(ctx, tx, domain, key, r.Size, r.Digests)
}

// present makes sure that the bytes of a known artifact are there, and puts them back when they are not.
func (r *Received) present(ctx context.Context, known *model.Artifact) error {
	info, err := r.store.Storage.Stat(ctx, known.File)
	if err == nil && info.Size == known.Size {
		return nil
	}
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	return r.commit(ctx, known.File)
}

// Replace puts the bytes in place of those that an artifact has, in one step; they must be the ones that its digest
// promises. It is for a repair: the row stays as it is.
func (r *Received) Replace(ctx context.Context, known *model.Artifact) error {
	if err := r.Check(known.Size, Digests{SHA256: known.SHA256}); err != nil {
		return err
	}
	return r.commit(ctx, known.File)
}

func (r *Received) commit(ctx context.Context, key string) error {
	if r.at == key { // in an earlier try of the transaction, which held no lock on the key in between
		return r.store.there(ctx, key)
	}
	if err := r.bytes.Commit(ctx, key); err != nil {
		return err
	}
	r.at = key
	return nil
}

// insert writes the row of bytes that are in place. Of two writers at once the second gets the first one's row.
func (s *Store) insert(ctx context.Context, tx *db.Tx, domain, key string, size int64, d Digests) (*model.Artifact, bool, error) {
	a := &model.Artifact{Base: model.NewBase(domain), File: key, Size: size, SHA256: d[SHA256],
		MD5: d.optional(MD5), SHA1: d.optional(SHA1), SHA224: d.optional(SHA224), SHA384: d.optional(SHA384), SHA512: d.optional(SHA512)}
	a.TimestampOfInterest = a.PulpCreated
	for range contests {
		done := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a)
		if done.Error != nil {
			return nil, false, fmt.Errorf("save the artifact: %w", done.Error)
		}
		if done.RowsAffected > 0 {
			return a, true, nil
		}
		known, err := s.Find(ctx, tx, domain, d[SHA256])
		if err != nil || known != nil {
			return known, false, err
		}
		if err := unlike(tx, domain, d); err != nil {
			return nil, false, err
		}
	}
	return nil, false, contested(d)
}

// contests is how often a row is written anew that was there, and was cleaned up before it could be held.
const contests = 20

func contested(d Digests) error {
	return errs.New(errs.Unavailable, "the artifact %s is stored and cleaned up by others again and again; try again", d[SHA256])
}

// unlike refuses digests of which one is that of an artifact with another SHA-256: then the row or the bytes are wrong.
func unlike(tx *db.Tx, domain string, d Digests) error {
	var others []string
	err := tx.Raw("SELECT sha256 FROM core_artifacts WHERE domain_id = ? AND (sha384 = ? OR sha512 = ?) AND sha256 <> ?", domain, d.optional(SHA384), d.optional(SHA512), d[SHA256]).Scan(&others).Error
	if err == nil && len(others) > 0 {
		err = errs.New(errs.Conflict, "an artifact with one equal and one different digest beside %s is there already; run a repair", d[SHA256])
	}
	return err
}

// Find gives the artifact of a domain with a SHA-256, nil when there is none. It stays until the transaction ends: the
// clean-up passes by rows that somebody holds.
func (s *Store) Find(ctx context.Context, tx *db.Tx, domain, sha256 string) (*model.Artifact, error) {
	var found []model.Artifact
	query := tx.WithContext(ctx).Where("domain_id = ? AND sha256 = ?", domain, sha256).Limit(1)
	if tx.Dialect() == db.Postgres {
		query = query.Clauses(clause.Locking{Strength: "KEY SHARE"})
	}
	err := query.Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// touch notes that somebody asked for these bytes, which postpones their clean-up; at most once an hour.
func (s *Store) touch(tx *db.Tx, a *model.Artifact) error {
	now := model.Now()
	if now.Sub(a.TimestampOfInterest) < touchEvery && a.ReclaimAfter == nil {
		return nil
	}
	return tx.Model(&model.Artifact{}).Where("id = ?", a.ID).
		Updates(map[string]any{"timestamp_of_interest": now, "reclaim_after": nil}).Error
}

func (d Digests) optional(a Algorithm) *string {
	if v, ok := d[a]; ok {
		return &v
	}
	return nil
}
