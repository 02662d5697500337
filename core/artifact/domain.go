package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Domains gives the storages of domains other than the default one. It is safe for concurrent use.
//
// An open storage is kept under the stamp of its settings, and the row is read for every store that is asked for. So all
// processes use new settings at once, without a word between them, and a domain that is gone has no store.
type Domains struct {
	DB *db.DB
	// Open opens the storage that a row describes; it asks nobody, so that it may be waited for.
	Open func(row *model.Domain) (storage.Storage, error)

	mu     sync.Mutex
	opened map[string]storage.Storage // by stamp
}

// In gives the store of a domain, "" being the default one. A domain that is not there is errs.NotFound.
func (s *Store) In(ctx context.Context, domain string) (*Store, error) {
	switch {
	case domain == "" || domain == s.Domain():
		return s, nil
	case s.Domains == nil: // all share the storage, each below its own keys
		return &Store{Storage: s.Storage, Algorithms: s.Algorithms, domain: domain}, nil
	}
	return s.lookUp(s.Domains.DB.Read(ctx), domain)
}

// Within is In for who is in a transaction.
func (s *Store) Within(tx *db.Tx, domain string) (*Store, error) {
	if domain == "" || domain == s.Domain() || s.Domains == nil {
		return s.In(tx.Context(), domain)
	}
	return s.lookUp(tx.DB, domain)
}

func (s *Store) lookUp(tx *gorm.DB, domain string) (*Store, error) {
	var rows []model.Domain
	if err := tx.Where("id = ?", domain).Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("look which storage a domain has: %w", err)
	}
	if len(rows) == 0 {
		return nil, errs.New(errs.NotFound, "the domain does not exist any more")
	}
	return s.Of(&rows[0])
}

// Of is In for a row that was read a moment ago.
func (s *Store) Of(row *model.Domain) (*Store, error) {
	if row.ID == s.Domain() {
		return s, nil
	}
	if s.Domains == nil {
		return &Store{Storage: s.Storage, Algorithms: s.Algorithms, domain: row.ID}, nil
	}
	opened, err := s.Domains.open(row)
	if err != nil {
		return nil, fmt.Errorf("open the storage of the domain %s: %w", row.Name, err)
	}
	return &Store{Storage: opened, Algorithms: s.Algorithms, domain: row.ID, stamp: row.StorageStamp}, nil
}

// Domain is the identity of the domain whose files these are.
func (s *Store) Domain() string {
	if s.domain == "" {
		return ident.DefaultDomain
	}
	return s.domain
}

func (d *Domains) open(row *model.Domain) (storage.Storage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if opened := d.opened[row.StorageStamp]; opened != nil {
		return opened, nil
	}
	opened, err := d.Open(row)
	if err != nil {
		return nil, err
	}
	if d.opened == nil {
		d.opened = map[string]storage.Storage{}
	}
	d.opened[row.StorageStamp] = opened
	return opened, nil
}

// Close lets go of all storages. Those of earlier settings stay open until then, since requests may still read them.
func (d *Domains) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var faults []error
	for _, opened := range d.opened {
		if one, can := opened.(io.Closer); can {
			faults = append(faults, one.Close())
		}
	}
	d.opened = nil
	return errors.Join(faults...)
}

// holds makes sure that the storage is still that of the domain, and that it stays so until the transaction ends: bytes
// that were brought to another one would be lost with the row that leads to them.
func (s *Store) holds(tx *db.Tx) error {
	if s.stamp == "" {
		return nil
	}
	query := "SELECT storage_stamp FROM core_domains WHERE id = ?"
	if tx.Dialect() == db.Postgres {
		query += " FOR KEY SHARE" // against the FOR UPDATE of whoever changes the storage
	}
	var stamps []string
	if err := tx.Raw(query, s.domain).Scan(&stamps).Error; err != nil {
		return fmt.Errorf("look whether the domain still has its storage: %w", err)
	}
	if len(stamps) == 0 {
		return errs.New(errs.NotFound, "the domain does not exist any more")
	}
	if stamps[0] != s.stamp {
		return errs.New(errs.Unavailable, "the storage of the domain was changed meanwhile; try again")
	}
	return nil
}

// may refuses to note a file of one domain in another one, whose storage does not have it, and asks for holds.
func (s *Store) may(tx *db.Tx, domain string) error {
	if domain != s.Domain() {
		return errs.New(errs.Internal, "a file of the domain %s was to be saved in the domain %s", s.Domain(), domain)
	}
	return s.holds(tx)
}

var _ io.Closer = (*Domains)(nil)
