package ldap

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// maxRemembered bounds how many pairs are remembered; beyond it the oldest is forgotten.
const maxRemembered = 1024

// digest stands for a name and a password without telling them: it is keyed with bytes that never leave this process.
type digest [sha256.Size]byte

// remembered keeps which pairs the directory found right a short while ago, and whose they are. All live equally long,
// so the oldest in line is the next to end.
type remembered struct {
	key  []byte
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	at   map[digest]pair
	line []digest
}

type pair struct {
	user  int64
	until time.Time
}

func newRemembered(life time.Duration, now func() time.Time) *remembered {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return &remembered{key: key, life: life, now: now, at: map[digest]pair{}}
}

// digest is taken over the length of the name too, so that no two pairs run together to the same bytes.
func (r *remembered) digest(name, password string) digest {
	mac := hmac.New(sha256.New, r.key)
	text := binary.BigEndian.AppendUint64(nil, uint64(len(name)))
	mac.Write(append(append(text, name...), password...))
	return digest(mac.Sum(nil))
}

// get gives the user of a pair whose time is not over. Asking does not prolong it.
func (r *remembered) get(id digest) (user int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.at[id]
	return found.user, ok && r.now().Before(found.until)
}

// add remembers a pair from the time at which the directory was asked.
func (r *remembered) add(id digest, user int64, asked time.Time) {
	if r.life <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.at[id]; !again {
		r.line = append(r.line, id)
	}
	r.at[id] = pair{user, asked.Add(r.life)}
	for len(r.line) > 0 && (len(r.line) > maxRemembered || !r.now().Before(r.at[r.line[0]].until)) {
		delete(r.at, r.line[0])
		r.line = r.line[1:]
	}
}
