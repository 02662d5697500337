package auth

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// phc is a password hash in the PHC string format, "$argon2id$v=19$m=19456,t=2,p=1$salt$key" with salt and key in
// unpadded base64 (password-hashing competition, string format specification; the RFC of Argon2 is 9106).
type phc struct {
	// memory is in KiB, passes and lanes are counts.
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// The bounds of what is computed on the word of a stored string: a row that somebody forged must not eat the machine.
const (
	maxMemory = 256 << 10
	maxPasses = 16
	maxLanes  = 16
	minSalt   = 8
	minKey    = 16
	maxBytes  = 64
)

const phcPrefix = "$argon2id$v=19$"

// String writes the format that parsePHC reads.
func (p phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", phcPrefix, p.memory, p.passes, p.lanes, encode(p.salt), encode(p.key))
}

// parsePHC reads exactly what String writes: each hash has one spelling. Its errors do not quote the hash.
func parsePHC(encoded string) (phc, error) {
	rest, ok := strings.CutPrefix(encoded, phcPrefix)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 3 {
		return phc{}, fmt.Errorf("it is not an argon2id hash of version 19")
	}
	p, err := parseCosts(parts[0])
	if err != nil {
		return phc{}, err
	}
	if p.salt, err = parseBytes("salt", parts[1], minSalt); err != nil {
		return phc{}, err
	}
	if p.key, err = parseBytes("key", parts[2], minKey); err != nil {
		return phc{}, err
	}
	return p, nil
}

func parseCosts(text string) (phc, error) {
	costs := strings.Split(text, ",")
	if len(costs) != 3 {
		return phc{}, fmt.Errorf("its costs are not m, t and p")
	}
	memory, err := parseCost(costs[0], "m=", maxMemory)
	if err != nil {
		return phc{}, err
	}
	passes, err := parseCost(costs[1], "t=", maxPasses)
	if err != nil {
		return phc{}, err
	}
	lanes, err := parseCost(costs[2], "p=", maxLanes)
	if err != nil {
		return phc{}, err
	}
	if memory < 8*lanes {
		return phc{}, fmt.Errorf("its m is less than eight times its p")
	}
	return phc{memory: memory, passes: passes, lanes: uint8(lanes)}, nil
}

func parseCost(text, name string, most uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n < 1 || n > uint64(most) || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("its %s is not a number from 1 to %d", name, most)
	}
	return uint32(n), nil
}

func parseBytes(name, text string, least int) ([]byte, error) {
	// Line breaks are the one thing that even the strict decoder passes over.
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(raw) < least || len(raw) > maxBytes {
		return nil, fmt.Errorf("its %s is not base64 of %d to %d bytes", name, least, maxBytes)
	}
	return raw, nil
}
