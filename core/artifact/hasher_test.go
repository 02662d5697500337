package artifact

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
)

// The digests of "abc", from FIPS 180-4 and RFC 1321: the algorithms carry their right names.
func TestKnownDigests(t *testing.T) {
	t.Parallel()
	want := Digests{
		MD5:    "900150983cd24fb0d6963f7d28e17f72",
		SHA1:   "a9993e364706816aba3e25717850c26c9cd0d89d",
		SHA224: "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		SHA384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		SHA512: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	}
	h := NewHasher(Algorithms()...)
	defer h.Close()
	if _, err := io.WriteString(h, "abc"); err != nil {
		t.Fatal(err)
	}
	got, n := h.Sum()
	if n != 3 || len(got) != len(want) {
		t.Errorf("%d digests of %d bytes", len(got), n)
	}
	for a, digest := range want {
		if got[a] != digest || !a.Valid(digest) {
			t.Errorf("%s: got %q, want %q", a, got[a], digest)
		}
	}
}

// Whatever the sizes of the writes, the digests are those of the standard library, and the caller may reuse its buffer.
func TestHasherEqualsStandardLibrary(t *testing.T) {
	t.Parallel()
	content := make([]byte, 5*blockSize)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	rapid.Check(t, func(t *rapid.T) {
		algorithms := rapid.SliceOfN(rapid.SampledFrom(Algorithms()), 0, 7).Draw(t, "algorithms")
		sizes := rapid.SliceOf(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(blockSize-2, blockSize+2), rapid.IntRange(0, 3*blockSize))).
			Draw(t, "sizes")
		h := NewHasher(algorithms...)
		defer h.Close()
		var all bytes.Buffer
		for _, size := range sizes {
			buffer := bytes.Clone(content[:min(size, len(content))])
			all.Write(buffer)
			if n, err := h.Write(buffer); n != len(buffer) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
			clear(buffer)
		}
		got, n := h.Sum()
		if n != int64(all.Len()) {
			t.Fatalf("size %d, want %d", n, all.Len())
		}
		for _, a := range algorithms {
			one := a.hash()
			one.Write(all.Bytes())
			if want := hex.EncodeToString(one.Sum(nil)); got[a] != want {
				t.Fatalf("%s: got %q, want %q", a, got[a], want)
			}
		}
	})
}

// TestCloseEndsGoroutines: a bubble fails when a goroutine is left in it.
func TestCloseEndsGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(Algorithms()...)
		if _, err := h.Write(make([]byte, 20*blockSize+1)); err != nil {
			t.Fatal(err)
		}
		h.Close()
		h.Close()
		if _, err := h.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		panics(t, "Sum after Close", func() { h.Sum() })
	})
}

func TestSumTwice(t *testing.T) {
	t.Parallel()
	h := NewHasher(SHA256, MD5)
	if _, err := h.Write(make([]byte, 3*blockSize)); err != nil {
		t.Fatal(err)
	}
	first, n := h.Sum()
	h.Close()
	second, m := h.Sum()
	if first[SHA256] != second[SHA256] || first[SHA256] == "" || n != m {
		t.Errorf("got %v (%d), then %v (%d)", first, n, second, m)
	}
	if _, err := h.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Sum: %v", err)
	}
}

// TestHasherMemoryIsBounded counts all memory that is asked for while a stream much bigger than the blocks goes through.
func TestHasherMemoryIsBounded(t *testing.T) { // not parallel: it counts what the process asks for
	piece := make([]byte, 32<<10)
	before := allocated()
	h := NewHasher(MD5, SHA256)
	for range 1024 {
		if _, err := h.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if _, n := h.Sum(); n != 32<<20 {
		t.Errorf("hashed %d bytes", n)
	}
	if grown := allocated() - before; grown > 2*maxBlocks*blockSize {
		t.Errorf("32 MiB took %d bytes of memory", grown)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestParseAlgorithm(t *testing.T) {
	t.Parallel()
	for _, a := range Algorithms() {
		if got, err := ParseAlgorithm(string(a)); got != a || err != nil {
			t.Errorf("%s: %v, %v", a, got, err)
		}
	}
	for _, name := range []string{"", "SHA256", "sha-256", "sha3", "crc32", "md5 "} {
		if _, err := ParseAlgorithm(name); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v, want errs.Invalid", name, err)
		}
	}
	panics(t, "an unknown algorithm", func() { NewHasher("crc32") })
}

func TestValidDigest(t *testing.T) {
	t.Parallel()
	for digest, want := range map[string]bool{
		strings.Repeat("0a", 16): true, strings.Repeat("0A", 16): false, strings.Repeat("0a", 20): false,
		strings.Repeat("0g", 16): false, "": false,
	} {
		if MD5.Valid(digest) != want {
			t.Errorf("%q: want %v", digest, want)
		}
	}
	if Algorithm("crc32").Valid("") || Algorithm("crc32").HexLen() != 0 {
		t.Error("an unknown algorithm has valid digests")
	}
}

func panics(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	f()
}

// BenchmarkHasher compares hashing one after the other with a Hasher, for 64 MiB in writes of 32 KiB as io.Copy makes them.
func BenchmarkHasher(b *testing.B) {
	for _, set := range [][]Algorithm{{SHA256}, {SHA224, SHA256, SHA384, SHA512}, Algorithms()} {
		b.Run(fmt.Sprintf("serial-%d", len(set)), func(b *testing.B) {
			stream(b, func() (io.Writer, func()) {
				var all []io.Writer
				for _, a := range set {
					all = append(all, a.hash())
				}
				return io.MultiWriter(all...), func() {}
			})
		})
		b.Run(fmt.Sprintf("hasher-%d", len(set)), func(b *testing.B) {
			stream(b, func() (io.Writer, func()) {
				h := NewHasher(set...)
				return h, func() { h.Sum() }
			})
		})
	}
}

func stream(b *testing.B, begin func() (io.Writer, func())) {
	b.Helper()
	piece := make([]byte, 32<<10)
	b.SetBytes(2048 * int64(len(piece)))
	b.ReportAllocs()
	for b.Loop() {
		w, end := begin()
		for range 2048 {
			_, _ = w.Write(piece)
		}
		end()
	}
}
