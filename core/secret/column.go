package secret

import (
	"errors"

	"github.com/packhouse/packhouse/core/errs"
)

// Column says where sealed values are kept, for the rotation of keys to find them.
type Column struct {
	Table, Column string
	// Key is the column that identifies a row, "id" almost everywhere.
	Key string
	// Purpose is what the values are sealed for.
	Purpose string
}

// HeaderSize is the number of bytes at the start of a sealed value that tell its format and key.
const HeaderSize = headerSize

// SealedBy gives the id of the key that sealed a value, of which the first HeaderSize bytes are enough. ok is false for
// bytes that are no sealed value.
func SealedBy(sealed []byte) (id string, ok bool) {
	if len(sealed) < headerSize || sealed[0] != format {
		return "", false
	}
	return keyID(sealed[1:headerSize]).String(), true
}

// IDs are the ids of the keys, the one that seals first.
func (b Box) IDs() []string {
	if b.live == nil {
		return nil
	}
	var ids []string
	for _, id := range b.live.ring.Load().ids {
		ids = append(ids, id.String())
	}
	return ids
}

// Header gives the first bytes of what the first key seals.
func (b Box) Header() ([]byte, error) {
	if b.live == nil {
		return nil, errs.New(errs.Internal, "no key file was loaded")
	}
	return append([]byte{format}, b.live.ring.Load().first()...), nil
}

// Reseal opens a value and seals it with the first key. The new value is opened again and compared before it is given
// back, for it will take the place of the only copy.
func (b Box) Reseal(purpose string, sealed []byte) ([]byte, error) {
	plain, err := b.Open(purpose, sealed)
	if err != nil {
		return nil, err
	}
	again, err := b.Seal(purpose, plain)
	if err != nil {
		return nil, err
	}
	check, err := b.Open(purpose, again)
	if err == nil && string(check) != string(plain) {
		err = errors.New("the new value opens to something else")
	}
	if err != nil {
		return nil, errs.New(errs.Internal, "check a value that was sealed again for %q: %w", purpose, err)
	}
	return again, nil
}
