// Package schema is how an app declares its tables: a history of migrations, which package migrations runs.
//
// A migration is one text for both databases, with macros where they differ (see Migration.Render), or a function.
// Once released it never changes: its checksum is kept in the database, and an edited one is refused.
package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// Phase says when a migration may run during an upgrade in which old and new processes are online together.
type Phase string

// The phases. Expand only adds, so that old code goes on working; Data fills what was added; Contract removes what
// only old code used, and so never runs together with the expand step that it belongs to.
const (
	Expand   Phase = "expand"
	Data     Phase = "data"
	Contract Phase = "contract"
)

// Ref names a migration of an app.
type Ref struct{ App, ID string }

// String gives "app id".
func (r Ref) String() string { return r.App + " " + r.ID }

// Migration is one step of a history.
type Migration struct {
	// ID orders the history: a number of four digits and a name, such as "0001_init".
	ID string
	// DependsOn names migrations of other apps that must have run before; the one before it in its own history is
	// implied.
	DependsOn []Ref
	// Phase is Expand when empty.
	Phase Phase
	// SQL holds statements, each ended by a semicolon at the end of a line; see Render for the macros. A dollar quote
	// and a trigger of SQLite may have such line ends inside.
	SQL string
	// Down undoes SQL; empty when that is impossible. A comment alone says that there is nothing to undo.
	Down string
	// Go runs after SQL in the same transaction. It may run again after a deadlock, and has no way back.
	Go func(ctx context.Context, tx *db.Tx) error
	// NoTx runs the statements outside a transaction on PostgreSQL, for CREATE INDEX CONCURRENTLY. When it is
	// interrupted somebody has to look, so it should be one statement. SQLite always has a transaction.
	NoTx bool
	// Rebuild runs with foreign keys unobserved on SQLite and checks all of them at the end, for steps that replace a
	// table because SQLite cannot alter it.
	Rebuild bool
	// MinOnline holds the step back until every process online runs at least this version of the app.
	MinOnline map[string]string
	// LockTimeout is how long a statement waits for a lock on PostgreSQL before it gives way and tries again; 0 means
	// 5 s.
	LockTimeout time.Duration
}

// PhaseOrExpand is the phase, Expand when none was given.
func (m Migration) PhaseOrExpand() Phase {
	if m.Phase == "" {
		return Expand
	}
	return m.Phase
}

// Checksum is the SHA-256, in hex, of the text as written, before macros are replaced.
func (m Migration) Checksum() string {
	sum := sha256.Sum256([]byte(m.SQL))
	return hex.EncodeToString(sum[:])
}

// History is all migrations of an app, in order.
type History struct {
	App string
	// Needs names apps whose first migration must have run before the first of this one.
	Needs      []string
	Migrations []Migration
}
