// Package secret seals small secrets before they are stored: passwords of remotes, private keys, secret task arguments.
//
// A sealed value is opaque bytes for a database column. Its layout, in this order:
//
//	1 byte    format, always 1
//	8 bytes   id of the key, derived from the key
//	12 bytes  random nonce
//	n bytes   the secret under AES-256-GCM
//	16 bytes  the tag
//
// Format, key id and the purpose are authenticated with the secret: a value that is moved to a column of another
// purpose does not open there. The first key of the key file seals, every key of it opens, so a key is retired by
// putting a new one above it, sealing everything again and only then removing the old line.
package secret

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	keySize = 32
	idSize  = 8
	// format is raised when the layout changes; Open then knows both.
	format     = 1
	headerSize = 1 + idSize
	hiddenText = "(secret keys)"
)

// ErrUnknownKey is in the chain of Open's error when the key that sealed the value is not in the key file.
var ErrUnknownKey = errors.New("the key is not in the key file")

// Box seals and opens secrets. It is safe for concurrent use. The zero Box refuses everything. However it is
// printed, logged or encoded, it never shows a key.
type Box struct {
	// live is behind a pointer because fmt does not ask a Box in somebody's unexported field to format itself,
	// but prints only the address of a nested pointer.
	live *live
}

// New makes a Box from raw keys of 32 bytes; the first one seals. An empty list, a key of another size and a key
// that comes twice are errors.
func New(keys ...[]byte) (*Box, error) {
	r, err := newRing(keys)
	if err != nil {
		return nil, err
	}
	return &Box{newLive(r)}, nil
}

// Seal encrypts plain for a purpose, a constant such as "core.remote.password". Sealing the same value twice gives
// different bytes. It looks whether the key file has changed, so that a promoted key seals at once.
func (b Box) Seal(purpose string, plain []byte) ([]byte, error) {
	if err := b.ready(purpose); err != nil {
		return nil, fmt.Errorf("seal a secret: %w", err)
	}
	b.live.follow()
	r := b.live.ring.Load()
	head := append([]byte{format}, r.first()...)
	return r.byID[r.ids[0]].Seal(head, nil, plain, associated(head, purpose)), nil
}

// Open gives back what Seal was given. A key that is not known may have come into the file since, so a file that has
// changed is read again first. Bytes that were changed, cut, sealed for another purpose or sealed with a key
// that is not in the file are errors; in the last case the error wraps ErrUnknownKey.
func (b Box) Open(purpose string, sealed []byte) ([]byte, error) {
	if err := b.ready(purpose); err != nil {
		return nil, fmt.Errorf("open a secret: %w", err)
	}
	if len(sealed) < headerSize || sealed[0] != format {
		return nil, errs.New(errs.Internal, "open a secret for %q: this is not a sealed value; set the secret again", purpose)
	}
	head, body := sealed[:headerSize], sealed[headerSize:]
	id := keyID(head[1:])
	aead, ok := b.live.ring.Load().byID[id]
	if !ok {
		b.live.follow()
		aead, ok = b.live.ring.Load().byID[id]
	}
	if !ok {
		return nil, errs.New(errs.Internal, "open a secret for %q: sealed with key %x: %w; put that key back or set the secret again",
			purpose, id[:], ErrUnknownKey)
	}
	plain, err := aead.Open(nil, nil, body, associated(head, purpose))
	if err != nil {
		return nil, errs.New(errs.Internal, "open a secret for %q: the stored value was changed or belongs elsewhere; set the secret again", purpose)
	}
	return plain, nil
}

// Format prints the same words for every verb.
func (b Box) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hiddenText)) }

// LogValue shows the same words to every log handler.
func (b Box) LogValue() slog.Value { return slog.StringValue(hiddenText) }

// MarshalText gives the same words to every encoder.
func (b Box) MarshalText() ([]byte, error) { return []byte(hiddenText), nil }

func (b Box) ready(purpose string) error {
	if b.live == nil {
		return errs.New(errs.Internal, "no key file was loaded")
	}
	if purpose == "" {
		return errs.New(errs.Internal, "the purpose is empty; name what the secret is for")
	}
	return nil
}

// associated is unambiguous because head has one length.
func associated(head []byte, purpose string) []byte {
	return append(append(make([]byte, 0, len(head)+len(purpose)), head...), purpose...)
}

var (
	_ fmt.Formatter  = Box{}
	_ slog.LogValuer = Box{}
)
