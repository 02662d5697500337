package audit

import (
	"strings"
	"time"
	"unicode"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
)

// The longest texts of an entry, in bytes.
const (
	maxName = 256
	maxText = 1024
)

// Entry is one line of the log, a row of core_audit_entries. Its JSON form is that of an exported line.
type Entry struct {
	// ID is a UUID of version 7, in the order of writing within a process.
	ID string `json:"id" gorm:"primaryKey"`
	// Position counts the entries of the chain from 1; nil until the entry is sealed.
	Position *int64 `json:"position"`
	// At is when the entry was written.
	At time.Time `json:"at"`
	// UserID and User are who did it; nobody has no number, and the name is then the one that was claimed.
	UserID *int64 `json:"user_id"`
	User   string `json:"user" gorm:"column:username"`
	// Via says how the user proved who it is, such as "password", "token ci" or "command line".
	Via string `json:"via"`
	// Client is the address of the client.
	Client string `json:"client"`
	// Method is the HTTP method, or COMMAND for the command line.
	Method string `json:"method"`
	// Route is the declared route, such as "repositories/file/file/{id}/", or the words of the command.
	Route string `json:"route"`
	// Action is the operation id, such as "repositories_file_file_delete".
	Action string `json:"action"`
	// Object is the PRN of the object that was decided on, or that was made.
	Object string `json:"object"`
	// Domain is the PRN of the domain; empty outside domains.
	Domain string `json:"domain"`
	// Status is the HTTP status of the answer; 0 for commands.
	Status int `json:"status"`
	// Reason is the kind of the error when it was refused or failed, such as "forbidden"; empty when it was done.
	Reason string `json:"reason"`
	// Task is the PRN of the task that was dispatched.
	Task string `json:"task"`
	// CID is the correlation id.
	CID string `json:"cid" gorm:"column:cid"`
	// Process names the process that wrote the entry.
	Process string `json:"process"`
	// Genuine tells that the proof of the entry held when it was sealed: it was not put into the table by hand.
	Genuine bool `json:"genuine"`
	// Hash is the entry's hash in the chain, in hex; see Chain. Empty until the entry is sealed.
	Hash string `json:"hash"`
	// Proof is made with the key file when the entry is written, and goes when it is sealed.
	Proof []byte `json:"-"`
}

// TableName is the table of the rows.
func (Entry) TableName() string { return "core_audit_entries" }

// finished gives the entry as it is stored: named, dated, and of texts that every database and terminal can take.
func (e Entry) finished(l *Log) Entry {
	e.ID, e.At, e.Process = ident.New(), l.now(), l.o.Process
	e.Position, e.Hash, e.Genuine, e.Proof = nil, "", false, nil
	for _, text := range []*string{&e.User, &e.Via, &e.Client, &e.Process} {
		*text = clean(*text, maxName)
	}
	for _, text := range []*string{&e.Method, &e.Route, &e.Action, &e.Object, &e.Domain, &e.Reason, &e.Task, &e.CID} {
		*text = clean(*text, maxText)
	}
	return e
}

// clean cuts a text to a length, and leaves out what is no text: bytes that are no UTF-8, controls, and invisible signs
// that turn the direction of what follows.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text[:min(len(text), 4*most)])
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// position is the position of a sealed entry, 0 before.
func (e *Entry) position() int64 {
	if e.Position == nil {
		return 0
	}
	return *e.Position
}

// now is what the clock of the log says, as the databases keep it.
func (l *Log) now() time.Time { return l.o.Now().UTC().Truncate(time.Microsecond) }

// insert writes an entry, with its proof.
func (l *Log) insert(tx *db.Tx, e Entry) error {
	e = e.finished(l)
	proof, err := l.prove(&e)
	if err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO core_audit_entries (id, at, user_id, username, via, client, method, route, action, object, domain, status, reason, task, cid, process, proof)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.At, e.UserID, e.User, e.Via, e.Client, e.Method, e.Route, e.Action, e.Object, e.Domain, e.Status, e.Reason, e.Task, e.CID, e.Process, proof).Error
}
