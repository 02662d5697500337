// Package model holds the rows of the core's nouns: artifact, content, repository, version, publication,
// distribution, domain. Rows have no behaviour beyond what is true of the row alone; their tables are in migrations/.
package model

import (
	"embed"
	"time"

	"github.com/packhouse/packhouse/core/ident"
)

// Migrations are the core's SQL files, read by schema.FromFS.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Base is what every row of a noun begins with. The identity's time is PulpCreated.
type Base struct {
	ID              string `gorm:"primaryKey"`
	DomainID        string
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// NewBase makes the base of a new row in a domain.
func NewBase(domain string) Base {
	id := ident.New()
	at := ident.Time(id)
	return Base{ID: id, DomainID: domain, PulpCreated: at, PulpLastUpdated: at}
}

// Touch notes a change at this moment.
func (b *Base) Touch() { b.PulpLastUpdated = Now() }

// Now is the present in the precision that is stored: UTC, microseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
