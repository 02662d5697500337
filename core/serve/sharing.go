package serve

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Shared keeps values where other processes find them. It may forget any of them at any time, and lets nobody wait long.
type Shared interface {
	// Get gives a value; nil where there is none, or where that cannot be known.
	Get(ctx context.Context, name string) []byte
	// Set keeps a value for as long as life; nil forgets the one that is there.
	Set(ctx context.Context, name string, value []byte, life time.Duration)
}

// Sharing says how a Memory gives its answers to other processes, and takes theirs.
type Sharing struct {
	Store Shared
	// Key, of 32 bytes, seals what is given away. Only processes with the same one share.
	Key []byte
	// Life is how long an answer counts after it was looked up.
	Life time.Duration
}

// sharing is the second level of a Memory. Whoever can write to the store can make it forget and nothing else: a value is
// sealed together with its name, so it can be neither made up nor moved to another path, and it carries the moment of its
// making, so an old one does not come back. Who can read the store learns no paths.
type sharing struct {
	Sharing
	resolver *Resolver
	now      func() time.Time
}

// formNumber belongs to the form of what is shared, to the text of stamps and to the way in which a look-up decides: one
// more whenever one of them changes, so that processes of two versions of the binary do not take each other's answers.
const formNumber = "1"

// mostShared is the longest value that is shared, in bytes, sealed.
const mostShared = 64 << 10

// name is the name of an answer in the store.
func (s *sharing) name(at address) string {
	sum := s.derive("name\x00" + at.domain + "\x00" + at.path)
	return "packhouse:answer:" + formNumber + ":" + base64.RawURLEncoding.EncodeToString(sum)
}

func (s *sharing) derive(from string) []byte {
	mac := hmac.New(sha256.New, s.Key)
	_, _ = mac.Write([]byte(from)) // a hash never fails to write
	return mac.Sum(nil)
}

// sealer seals values of one name, with a key of its own: no key is ever used often.
func (s *sharing) sealer(name string) cipher.AEAD {
	block, err := aes.NewCipher(s.derive("seal\x00" + name))
	if err != nil {
		panic(err) // the key has the right size
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block has the right size
	}
	return sealer
}

// get gives the answer that some process has shared; nil where there is none that counts.
func (s *sharing) get(ctx context.Context, at address) *answer {
	if s == nil || at.path == "" {
		return nil // the list of distributions is not remembered
	}
	name := s.name(at)
	value := s.Store.Get(ctx, name)
	if value == nil || len(value) > mostShared {
		return nil
	}
	plain, err := s.sealer(name).Open(nil, nil, value, []byte(name))
	if err != nil {
		return nil
	}
	known := s.read(at, plain)
	if known != nil {
		s.forgetWith(known, name)
	}
	return known
}

// set shares an answer, unless it is too long.
func (s *sharing) set(ctx context.Context, at address, known *answer) {
	if s == nil {
		return
	}
	name := s.name(at)
	s.forgetWith(known, name)
	plain := s.write(known)
	if plain == nil {
		return
	}
	if value := s.sealer(name).Seal(nil, nil, plain, []byte(name)); len(value) <= mostShared {
		s.Store.Set(ctx, name, value, s.Life)
	}
}

// forgetWith has the store forget an answer that was dropped.
func (s *sharing) forgetWith(known *answer, name string) {
	known.slot.gone = func() {
		// detached: the request that found out is at its end
		s.Store.Set(context.Background(), name, nil, 0)
	}
}
