package auth

import (
	"container/list"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// maxVerified bounds how many verified credentials are remembered; beyond it the oldest is forgotten.
const maxVerified = 1024

// digest stands for a credential without telling it: it is keyed with bytes that never leave this process.
type digest [sha256.Size]byte

// verified remembers for a short while which credentials were found right, so that a client which sends its password
// with each request pays for the slow hash once. The stored hash is part of the digest: when the password changes,
// what was remembered is not found any more. Wrong passwords are not remembered.
type verified struct {
	key  []byte
	life time.Duration
	now  func() time.Time

	mu sync.Mutex
	// order holds entries oldest first; all live equally long, so it is also the order in which they end.
	order *list.List
	at    map[digest]*list.Element
}

type verifiedEntry struct {
	id    digest
	until time.Time
}

func newVerified(life time.Duration, now func() time.Time) *verified {
	return &verified{key: random(sha256.Size), life: life, now: now, order: list.New(), at: make(map[digest]*list.Element)}
}

// digest is taken over length-prefixed parts, so that no two credentials run together to the same bytes.
func (v *verified) digest(userID int64, stored, password string) digest {
	mac := hmac.New(sha256.New, v.key)
	text := binary.BigEndian.AppendUint64(nil, uint64(userID))
	for _, part := range []string{stored, password} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	mac.Write(text)
	return digest(mac.Sum(nil))
}

// has tells whether the credential was verified and its time is not over. Asking does not prolong it.
func (v *verified) has(id digest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, ok := v.at[id]
	if !ok {
		return false
	}
	if v.now().Before(found.Value.(verifiedEntry).until) {
		return true
	}
	v.forget(found)
	return false
}

// add remembers a credential that was verified at the time start. Counting from the start and not from the end of
// the check keeps the promise about how long an answer is at most relied on.
func (v *verified) add(id digest, start time.Time) {
	if v.life <= 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if old, ok := v.at[id]; ok {
		v.forget(old)
	}
	v.at[id] = v.order.PushBack(verifiedEntry{id, start.Add(v.life)})
	for oldest := v.order.Front(); oldest != nil; oldest = v.order.Front() {
		if len(v.at) <= maxVerified && v.now().Before(oldest.Value.(verifiedEntry).until) {
			return
		}
		v.forget(oldest)
	}
}

func (v *verified) forget(e *list.Element) {
	delete(v.at, v.order.Remove(e).(verifiedEntry).id)
}
