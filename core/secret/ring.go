package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/packhouse/packhouse/core/errs"
)

type keyID [idSize]byte

// String is the name of the key for people.
func (id keyID) String() string { return fmt.Sprintf("%x", id[:]) }

// ring holds the ready ciphers; raw keys are not kept.
type ring struct {
	// ids are in the order of the file, the sealing one first.
	ids  []keyID
	byID map[keyID]cipher.AEAD
}

func newRing(keys [][]byte) (*ring, error) {
	if len(keys) == 0 {
		return nil, errs.New(errs.Invalid, "there is no key; add a line with 32 random bytes in base64")
	}
	r := &ring{byID: make(map[keyID]cipher.AEAD, len(keys))}
	for i, key := range keys {
		if err := r.add(key); err != nil {
			return nil, errs.New(errs.Invalid, "key number %d: %w", i+1, err)
		}
	}
	return r, nil
}

func (r *ring) first() []byte { return r.ids[0][:] }

func (r *ring) add(key []byte) error {
	if len(key) != keySize {
		return fmt.Errorf("it has %d bytes where %d are needed", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("prepare the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return fmt.Errorf("prepare the cipher: %w", err)
	}
	id := identify(key)
	if _, twice := r.byID[id]; twice {
		return errors.New("it is in the list twice; remove one of the two")
	}
	r.ids = append(r.ids, id)
	r.byID[id] = aead
	return nil
}

// identify names a key without telling anything about it.
func identify(key []byte) keyID {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("packhouse key id"))
	return keyID(mac.Sum(nil)[:idSize])
}

func newKey() []byte {
	key := make([]byte, keySize)
	// rand.Read never fails: the runtime stops the process rather than give weak bytes.
	_, _ = rand.Read(key)
	return key
}

var _ fmt.Stringer = keyID{}
