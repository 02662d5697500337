package audit

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
)

// The purposes bind the seals of the ends to their use.
const (
	purposeHead   = "core.audit.head"
	purposeAnchor = "core.audit.anchor"
)

// Point is a place in the chain: a position and the hash of the entry there. The zero Point is before the first entry.
type Point struct {
	Position int64
	Hash     string
}

// String gives "position:hash".
func (p Point) String() string { return strconv.FormatInt(p.Position, 10) + ":" + p.Hash }

// ParsePoint reads what String gives.
func ParsePoint(text string) (Point, error) {
	position, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(position, 10, 64)
	if err != nil || n < 0 || len(hash) != 64 && (n != 0 || hash != "") || strings.Trim(hash, "0123456789abcdef") != "" {
		return Point{}, errs.New(errs.Invalid, "%q is no place in the log; write position and hash as `packhouse audit verify` prints them, like 42:0a1b…", text)
	}
	return Point{Position: n, Hash: hash}, nil
}

// ends is the row of core_audit_head.
type ends struct {
	Position       int64
	Hash           string
	Seal           []byte
	AnchorPosition int64
	AnchorHash     string
	AnchorSeal     []byte
}

func (e *ends) head() Point   { return Point{e.Position, e.Hash} }
func (e *ends) anchor() Point { return Point{e.AnchorPosition, e.AnchorHash} }

// readEnds reads the row; lock, such as " FOR UPDATE", may follow the statement.
func readEnds(tx *gorm.DB, lock string) (*ends, error) {
	var rows []ends
	err := tx.Raw("SELECT position, hash, seal, anchor_position, anchor_hash, anchor_seal FROM core_audit_head WHERE id = 1" + lock).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the head of the audit log: %w", err)
	}
	if len(rows) != 1 {
		return nil, errs.New(errs.Internal, "the head of the audit log was removed from the table core_audit_head; restore the database from a backup")
	}
	return &rows[0], nil
}

// lockEnds reads the row and keeps others from it until the end of the transaction. On SQLite a transaction has that
// anyway.
func (l *Log) lockEnds(tx *db.Tx) (*ends, error) {
	lock := ""
	if tx.Dialect() == db.Postgres {
		lock = " FOR UPDATE"
	}
	e, err := readEnds(tx.DB, lock)
	if err != nil {
		return nil, err
	}
	for _, check := range []func(*ends) error{l.checkHead, l.checkAnchor} {
		if err := check(e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (l *Log) checkHead(e *ends) error { return l.checkSeal(purposeHead, "head", e.head(), e.Seal) }

func (l *Log) checkAnchor(e *ends) error {
	return l.checkSeal(purposeAnchor, "anchor", e.anchor(), e.AnchorSeal)
}

// checkSeal compares a point with what is sealed of it. A log in which nothing happened has no seals yet.
func (l *Log) checkSeal(purpose, name string, p Point, seal []byte) error {
	if p == (Point{}) && len(seal) == 0 {
		return nil
	}
	said, err := l.open(purpose, seal)
	if err != nil {
		return fmt.Errorf("the %s of the audit log: %w", name, err)
	}
	if subtle.ConstantTimeCompare(said, []byte(p.String())) != 1 {
		return errs.New(errs.Internal, "the %s of the audit log was changed in the table core_audit_head; run packhouse audit verify, and restore the database from a backup", name)
	}
	return nil
}

// open opens what the key file sealed. Bytes that nothing sealed are no error but nothing; a key that is not in this
// process's key file is an error.
func (l *Log) open(purpose string, sealed []byte) ([]byte, error) {
	plain, err := l.o.Box.Open(purpose, sealed)
	if err != nil && !errors.Is(err, secret.ErrUnknownKey) {
		plain, err = nil, nil
	}
	return plain, err
}

// storeHead writes and seals the end of the chain.
func (l *Log) storeHead(tx *db.Tx, p Point) error {
	return l.storePoint(tx, purposeHead, p, "UPDATE core_audit_head SET position = ?, hash = ?, seal = ? WHERE id = 1")
}

// storeAnchor writes and seals the point before the beginning of the chain.
func (l *Log) storeAnchor(tx *db.Tx, p Point) error {
	return l.storePoint(tx, purposeAnchor, p, "UPDATE core_audit_head SET anchor_position = ?, anchor_hash = ?, anchor_seal = ? WHERE id = 1")
}

func (l *Log) storePoint(tx *db.Tx, purpose string, p Point, statement string) error {
	seal, err := l.o.Box.Seal(purpose, []byte(p.String()))
	if err != nil {
		return err
	}
	return tx.Exec(statement, p.Position, p.Hash, seal).Error
}
