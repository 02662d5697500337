package artifact

import (
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
)

// Hasher is an io.Writer that computes several digests in one pass.
//
// What fits into one block is hashed where it is written. From there on each digest has a goroutine of its own, and Write
// returns as soon as its bytes are copied into blocks, unless all blocks are in use. One digest alone needs no goroutine.
// Memory is bounded by a few blocks. A Hasher is for one goroutine at a time.
type Hasher struct {
	names  []Algorithm
	hashes []hash.Hash
	size   int64
	line   *line // nil as long as hashing is done in Write
	sums   Digests
	closed bool
}

// NewHasher makes a Hasher for the algorithms. An unknown one is a mistake in the program and panics.
func NewHasher(algorithms ...Algorithm) *Hasher {
	h := &Hasher{}
	for _, a := range algorithms {
		if slices.Contains(h.names, a) {
			continue
		}
		made := a.hash()
		if made == nil {
			panic(fmt.Sprintf("artifact: NewHasher with the unknown algorithm %q", a))
		}
		h.names, h.hashes = append(h.names, a), append(h.hashes, made)
	}
	return h
}

// Write takes all of p, and may be called again with the same memory at once. It fails only after Sum or Close.
func (h *Hasher) Write(p []byte) (int, error) {
	if h.closed {
		return 0, fmt.Errorf("write to a hasher after its end: %w", os.ErrClosed)
	}
	h.size += int64(len(p))
	if h.line == nil && len(h.hashes) > 1 && h.size > blockSize {
		h.line = newLine(h.hashes)
	}
	if h.line != nil {
		h.line.write(p)
		return len(p), nil
	}
	for _, one := range h.hashes {
		one.Write(p)
	}
	return len(p), nil
}

// Sum ends the writing and gives the digests and the number of bytes written. It may be called again, but not after a
// Close without a Sum: the digests of half the bytes must not be taken for any, so that panics.
func (h *Hasher) Sum() (Digests, int64) {
	if h.sums != nil {
		return h.sums, h.size
	}
	if h.closed {
		panic("artifact: Sum of a closed Hasher")
	}
	if h.line != nil {
		h.line.flush()
	}
	h.Close()
	h.sums = make(Digests, len(h.names))
	for i, one := range h.hashes {
		h.sums[h.names[i]] = hex.EncodeToString(one.Sum(nil))
	}
	return h.sums, h.size
}

// Close releases the goroutines and returns when they have ended. It does nothing after Sum, so it is safe to defer.
func (h *Hasher) Close() {
	if h.closed {
		return
	}
	h.closed = true
	if h.line != nil {
		h.line.close()
	}
}

var _ io.Writer = (*Hasher)(nil)
