// Package audit keeps who did what to which object, from where, and what came of it.
//
// An entry of a change is written in the transaction of the change (db.Along), so that a process which is killed leaves
// both or neither. Entries of what was refused or failed come in a transaction of their own, after the answer is known.
// An entry holds no body, no query string and no header.
//
// Entries are only added. Writing one takes no lock: it has no position yet, and a proof, made with the key file, that
// this program wrote it. Sealing, one process at a time, gives entries their positions and a chain of hashes (see
// Entry.Chain), and keeps the end of the chain under a seal made with the key file. So an entry that is changed,
// removed, inserted or moved shows in Verify, also to those who trust nobody with access to the database; only what was
// cut off the end together with an older copy of the head needs a hash that was kept elsewhere.
package audit

import (
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
)

// Reads says which requests that change nothing are recorded (setting audit.reads).
type Reads string

// The choices: no reads, those that were refused with 403, or all of them that need somebody to be logged in.
const (
	NoReads      Reads = "none"
	RefusedReads Reads = "refused"
	AllReads     Reads = "all"
)

// Options are what a Log is made of.
type Options struct {
	DB *db.DB
	// Box makes the proofs and seals; it must hold a key.
	Box *secret.Box
	// Process names this process in entries.
	Process string
	// Reads is RefusedReads when empty.
	Reads Reads
	// Retention is how old entries become before they are removed; 0 keeps them for ever.
	Retention time.Duration
	// Pause is how long an entry may wait for others to be sealed with it; 0 is a tenth of a second.
	Pause time.Duration
	Log   *slog.Logger
	// Now is the clock; nil is db.Now.
	Now func() time.Time
}

// Log records, seals and checks entries. It is safe for concurrent use. A nil Log records nothing.
type Log struct {
	o Options
	// wake tells the sealer of this process, if there is one, that something waits.
	wake chan struct{}
}

// New makes a Log. A missing database, key or logger is a wiring mistake and panics.
func New(o Options) *Log {
	if o.DB == nil || o.Box == nil || o.Log == nil {
		panic("audit.New needs a database, keys and a log")
	}
	if o.Reads == "" {
		o.Reads = RefusedReads
	}
	if o.Pause == 0 {
		o.Pause = 100 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = db.Now
	}
	return &Log{o: o, wake: make(chan struct{}, 1)}
}

// nudge tells the sealer that something waits, unless it knows.
func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
