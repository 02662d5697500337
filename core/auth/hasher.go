package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"runtime"

	"github.com/packhouse/packhouse/core/errs"
	"golang.org/x/crypto/argon2"
)

// Hasher turns passwords into stored hashes and checks them. It computes at most GOMAXPROCS hashes at a time, 19 MiB
// each, so that a storm of log-ins waits instead of eating the memory. It is safe for concurrent use.
type Hasher struct {
	cost  phc
	slots chan struct{}
	// derive is argon2.IDKey; tests count its calls.
	derive func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte
}

// NewHasher makes a Hasher with the costs of the OWASP recommendation: 19 MiB, two passes, one lane.
func NewHasher() *Hasher {
	return &Hasher{
		cost:   phc{memory: 19 << 10, passes: 2, lanes: 1},
		slots:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		derive: argon2.IDKey,
	}
}

// Hash gives the PHC string of a password under a new salt. It fails only when ctx ends while it waits for a slot.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	made := h.blank()
	key, err := h.compute(ctx, made, password)
	if err != nil {
		return "", err
	}
	made.key = key
	return made.String(), nil
}

// Verify tells whether password is the one that encoded was made of, in a time that does not depend on how much of it
// is right. A string that is not such a hash is an error of the kind Internal.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	stored, err := parsePHC(encoded)
	if err != nil {
		return false, errs.New(errs.Internal, "read a stored password hash: %w; set that user's password again", err)
	}
	key, err := h.compute(ctx, stored, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, stored.key) == 1, nil
}

// dummy is the hash of no password: checking against it costs as much as a wrong password and never succeeds.
func (h *Hasher) dummy() string {
	made := h.blank()
	made.key = random(32)
	return made.String()
}

func (h *Hasher) blank() phc {
	made := h.cost
	made.salt, made.key = random(16), make([]byte, 32)
	return made
}

func (h *Hasher) compute(ctx context.Context, p phc, password string) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, gaveUp(ctx)
	}
	return h.derive([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key))), nil
}

// gaveUp is the error of one who did not wait for the slow hash to its end: it left, or its time was over.
func gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errs.New(errs.Canceled, "stop waiting to check a password: %w", context.Cause(ctx))
	}
	return errs.New(errs.Unavailable, "too many passwords are being checked, try again in a moment: %w", context.Cause(ctx))
}

// random gives n bytes. The runtime stops the process rather than give weak ones.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
