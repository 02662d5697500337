package auth

import (
	"container/list"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// maxRemembered bounds how many credentials are remembered; beyond it the oldest is forgotten.
const maxRemembered = 1024

// Digest stands for a credential without telling it: it is keyed with bytes that never leave this process.
type Digest [sha256.Size]byte

// Remembered keeps for a short while which credentials were found right, and V about each, so that a client which sends
// its password with each request has it checked once. Wrong ones are not to be remembered. It is safe for concurrent use.
type Remembered[V any] struct {
	key  []byte
	life time.Duration
	now  func() time.Time

	mu sync.Mutex
	// order holds entries oldest first; all live equally long, so it is also the order in which they end.
	order *list.List
	at    map[Digest]*list.Element
}

type rememberedEntry[V any] struct {
	id    Digest
	value V
	until time.Time
}

// NewRemembered makes a Remembered of credentials that are relied on for life, by the clock now; with 0 or less for life
// nothing is remembered.
func NewRemembered[V any](life time.Duration, now func() time.Time) *Remembered[V] {
	return &Remembered[V]{key: random(sha256.Size), life: life, now: now, order: list.New(), at: map[Digest]*list.Element{}}
}

// Digest is taken over length-prefixed parts, so that no two credentials run together to the same bytes.
func (r *Remembered[V]) Digest(parts ...string) Digest {
	var text []byte
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write(text)
	return Digest(mac.Sum(nil))
}

// Get gives what is known of a credential, when it was found right and its time is not over. Asking does not prolong it.
func (r *Remembered[V]) Get(id Digest) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.at[id]
	if !ok {
		return value, false
	}
	entry := entryOf[V](found)
	if r.now().Before(entry.until) {
		return entry.value, true
	}
	r.forget(found)
	return value, false
}

// Add remembers a credential whose check began at start. Counting from the start and not from the end of the check keeps
// the promise about how long an answer is at most relied on.
func (r *Remembered[V]) Add(id Digest, value V, start time.Time) {
	if r.life <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.at[id]; ok {
		r.forget(old)
	}
	r.at[id] = r.order.PushBack(rememberedEntry[V]{id, value, start.Add(r.life)})
	for oldest := r.order.Front(); oldest != nil; oldest = r.order.Front() {
		if len(r.at) <= maxRemembered && r.now().Before(entryOf[V](oldest).until) {
			return
		}
		r.forget(oldest)
	}
}

func (r *Remembered[V]) forget(e *list.Element) {
	delete(r.at, entryOf[V](e).id)
	r.order.Remove(e)
}

func entryOf[V any](e *list.Element) rememberedEntry[V] { return e.Value.(rememberedEntry[V]) }
