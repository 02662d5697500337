package repository

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strconv"
)

// Set is a hash over a set that can be kept incrementally: the sum, modulo 2^256, of the SHA-256 of each member. It
// makes "this version never changed" a comparison; it is no defence against somebody who chooses identities.
type Set struct{ sum big.Int }

func emptySet() *Set { return &Set{} }

// ParseSet reads what String wrote.
func ParseSet(text string) (*Set, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != sha256.Size {
		return nil, false
	}
	s := &Set{}
	s.sum.SetBytes(raw)
	return s, true
}

// Add puts a member in.
func (s *Set) Add(id string) { s.change(id, (*big.Int).Add) }

// Remove takes a member out.
func (s *Set) Remove(id string) { s.change(id, (*big.Int).Sub) }

func (s *Set) change(id string, op func(z, x, y *big.Int) *big.Int) {
	digest := sha256.Sum256([]byte(id))
	var member, modulus big.Int
	member.SetBytes(digest[:])
	modulus.Lsh(big.NewInt(1), 8*sha256.Size)
	op(&s.sum, &s.sum, &member)
	s.sum.Mod(&s.sum, &modulus)
}

// String is the sum in hex, 64 digits.
func (s *Set) String() string {
	var raw [sha256.Size]byte
	s.sum.FillBytes(raw[:])
	return hex.EncodeToString(raw[:])
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
