package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// purposeEntry binds proofs to their use.
const purposeEntry = "core.audit.entry"

// timeForm is how a moment is written in the canonical form: UTC, always six digits.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Chain gives the hash of the entry, in hex, as the successor of an entry with the hash previous ("" for the first).
//
// It is the SHA-256 over the previous hash, then position, id, at, user_id, user, via, client, method, route, action,
// object, domain, status, reason, task, cid, process and genuine, in this order. Each of them, the previous hash too, is
// written as the length of its text in bytes, in decimal, a colon, the text and a comma. Texts are UTF-8; hashes are 64
// lower-case hexadecimal digits; numbers are decimal; a missing user_id is the empty text; at is UTC with six digits, like
// 2026-03-01T12:00:00.000000Z; genuine is true or false.
func (e *Entry) Chain(previous string) string {
	members := append([]string{previous, strconv.FormatInt(e.position(), 10)}, e.members()...)
	return digest(append(members, strconv.FormatBool(e.Genuine)))
}

// members are those that are known when the entry is written.
func (e *Entry) members() []string {
	user := ""
	if e.UserID != nil {
		user = strconv.FormatInt(*e.UserID, 10)
	}
	return []string{
		e.ID, e.At.UTC().Truncate(time.Microsecond).Format(timeForm), user, e.User, e.Via, e.Client, e.Method, e.Route, e.Action,
		e.Object, e.Domain, strconv.Itoa(e.Status), e.Reason, e.Task, e.CID, e.Process,
	}
}

func digest(members []string) string {
	var text []byte
	for _, m := range members {
		text = append(strconv.AppendInt(text, int64(len(m)), 10), ':')
		text = append(append(text, m...), ',')
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// prove seals what the entry says with the key file, so that sealing can tell it from a row that somebody put there.
func (l *Log) prove(e *Entry) ([]byte, error) {
	return l.o.Box.Seal(purposeEntry, []byte(digest(e.members())))
}

// proven tells whether the proof is of this entry. An error means that it cannot be told: the key is not known here.
func (l *Log) proven(e *Entry) (bool, error) {
	said, err := l.open(purposeEntry, e.Proof)
	return err == nil && bytes.Equal(said, []byte(digest(e.members()))), err
}
