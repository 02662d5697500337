package storagetest

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/packhouse/packhouse/core/storage"
)

// bigSize is more than two parts of an upload in parts.
const bigSize = 144 << 20

// bigBlob streams a blob through the storage and counts all memory that was asked for meanwhile: whoever holds the blob
// at any time asks for at least its size.
func bigBlob(t *testing.T, s storage.Storage) {
	before := allocated()
	sent := sha256.New()
	content := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), bigSize), sent)
	if n, err := storage.Put(t.Context(), s, "big", content); err != nil || n != bigSize {
		t.Fatalf("Put = %d, %v", n, err)
	}
	r, err := s.Open(t.Context(), "big", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	got := sha256.New()
	if n, err := io.Copy(got, r); err != nil || n != bigSize {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("the bytes that came back are others")
	}
	if grown := allocated() - before; grown > bigSize/4 {
		t.Errorf("a blob of %d bytes took %d bytes of memory", bigSize, grown)
	}
}

// allocated is the memory that the process ever asked for, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
