package gitsource

import (
	"bytes"
	"context"
	"crypto/sha1" // the format wants it
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
)

// similarFiles is a repository whose pack has long chains of differences.
func similarFiles(t *testing.T) *work {
	t.Helper()
	w := newWork(t)
	var stream strings.Builder
	for i := range 40 {
		text := strings.Repeat(noise(1, 500), 4) + fmt.Sprint(i) + strings.Repeat("end\n", i)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter a <a@example.org> %d +0000\ndata 1\nx\nM 100644 inline f\ndata %d\n%s\n", 1e9+i, len(text), text)
	}
	w.pipe(stream.String(), "fast-import", "--quiet")
	return w
}

func stored(t *testing.T, w *work, args ...string) []byte {
	t.Helper()
	list := w.git("rev-list", "--objects", "--all")
	return []byte(w.pipe(list, append([]string{"pack-objects", "-q", "--stdout"}, args...)...))
}

func read(t *testing.T, data []byte, l limits) (*pack, error) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "pack"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // a file of the test
	whole := &bounded{r: bytes.NewReader(data), left: 1 << 40}
	p, err := readPack(t.Context(), whole, file, l)
	if err != nil {
		err = (&source{}).garbled(t.Context(), "pack", err, whole)
	}
	return p, err
}

// git itself finds the same objects in a pack, and takes our index for its own.
func TestPacksAsGitReadsThem(t *testing.T) {
	t.Parallel()
	w := similarFiles(t)
	for name, args := range map[string][]string{"offsets": {"--delta-base-offset"}, "hashes": nil, "no differences": {"--depth=0"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := stored(t, w, args...)
			if w.git("rev-list", "--objects", "--all", "--count") != "120" {
				t.Fatal("another number of objects than the test thinks")
			}
			p, err := read(t, data, bounds())
			if err != nil {
				t.Fatal(err)
			}
			if references := len(p.references) > 0; references != (name == "hashes") {
				t.Errorf("differences that name their base by hash: %v", references)
			}
			dir := t.TempDir()
			base := filepath.Join(dir, fmt.Sprintf("pack-%s", p.sum))
			index, err := os.Create(base + ".idx")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.writeIndex(index), index.Close(), os.WriteFile(base+".pack", data, 0o600)); err != nil {
				t.Fatal(err)
			}
			ours, err := os.ReadFile(base + ".idx")
			if err != nil {
				t.Fatal(err)
			}
			w.git("verify-pack", base+".pack")
			w.git("index-pack", "-o", base+".git.idx", base+".pack")
			if theirs, err := os.ReadFile(base + ".git.idx"); err != nil || !bytes.Equal(ours, theirs) {
				t.Errorf("our index is not the one of git: %v", err)
			}
		})
	}
}

// Objects beyond 2 GiB go into the second table of the index.
func TestAnIndexOfALargePack(t *testing.T) {
	t.Parallel()
	p := &pack{objects: []packed{{hash: plumbing.NewHash("02"), offset: 12}, {hash: plumbing.NewHash("01"), offset: 1 << 31}, {hash: plumbing.NewHash("03"), offset: 1 << 40}, {hash: plumbing.NewHash("02"), offset: 99}}}
	file, err := os.Create(filepath.Join(t.TempDir(), "idx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.writeIndex(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	at := 8 + 256*4
	if n := binary.BigEndian.Uint32(data[at-4:]); n != 3 {
		t.Fatalf("the index has %d objects, want 3", n)
	}
	at += 3*20 + 3*4
	for i, want := range []uint32{1 << 31, 12, 1<<31 | 1} {
		if got := binary.BigEndian.Uint32(data[at+4*i:]); got != want {
			t.Errorf("offset %d is %#x, want %#x", i, got, want)
		}
	}
	for i, want := range []uint64{1 << 31, 1 << 40} {
		if got := binary.BigEndian.Uint64(data[at+12+8*i:]); got != want {
			t.Errorf("far offset %d is %#x, want %#x", i, got, want)
		}
	}
	if len(data) != at+12+16+20+20 {
		t.Errorf("the index has %d bytes", len(data))
	}
}

func TestPacksThatAreBroken(t *testing.T) {
	t.Parallel()
	good := stored(t, similarFiles(t), "--delta-base-offset")
	thin := stored(t, similarFiles(t))
	table := map[string]struct {
		data []byte
		kind errs.Kind
	}{
		"nothing":                {nil, errs.Unavailable},
		"cut in the header":      {good[:7], errs.Unavailable},
		"cut in the middle":      {good[:len(good)/2], errs.Unavailable},
		"cut at the end":         {good[:len(good)-1], errs.Unavailable},
		"no pack":                {[]byte("<html>this is no pack</html>"), errs.Invalid},
		"another version":        {append([]byte("PACK\x00\x00\x00\x09"), good[8:]...), errs.Invalid},
		"another sum":            {append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), errs.Invalid},
		"too few objects":        {header(good, 3), errs.Invalid},
		"too many objects":       {header(good, 1<<31), errs.TooLarge},
		"a base that is missing": {sealed(thin, referring()), errs.Invalid},
		"a base that is itself":  {sealed(thin, "\x62\x00"+"x\x9c\x01\x00\x00\xff\xff\x00\x00\x00\x01"), errs.Invalid},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, row.data, bounds()); !errs.Is(err, row.kind) {
				t.Errorf("the error is %v (%s), want the kind %s", err, errs.KindOf(err), row.kind)
			}
		})
	}
}

// What the damage looks like depends on where it is, but it never goes unnoticed.
func TestAnyDamageIsSeen(t *testing.T) {
	t.Parallel()
	good := stored(t, similarFiles(t), "--delta-base-offset")
	damaged := [][]byte{header(good, 121)}
	for at := 4; at < len(good); at += 1 + len(good)/100 {
		damaged = append(damaged, flipped(good, at))
	}
	for i, data := range damaged {
		if _, err := read(t, data, bounds()); err == nil || errs.Is(err, errs.Internal) {
			t.Errorf("damage %d: the error is %v (%s)", i, err, errs.KindOf(err))
		}
	}
}

func flipped(data []byte, at int) []byte {
	data = slices.Clone(data)
	data[at] ^= 0x55
	return data
}

// header is the pack with another number of objects in its header.
func header(data []byte, count uint32) []byte {
	return slices.Concat(data[:8], binary.BigEndian.AppendUint32(nil, count), data[12:])
}

// referring is an object that is a difference to a hash that nothing has.
func referring() string {
	return "\x74" + strings.Repeat("\x11", 20) + "x\x9c\x63\x60\x60\x60\x00\x00\x00\x04\x00\x01"
}

// sealed is a pack of one object, with the right sum.
func sealed(data []byte, object string) []byte {
	data = append(header(data[:12], 1), object...)
	sum := sha1.Sum(data) // the format wants it
	return append(data, sum[:]...)
}

func TestAPackThatIsStopped(t *testing.T) {
	t.Parallel()
	data := stored(t, similarFiles(t))
	file, err := os.Create(filepath.Join(t.TempDir(), "pack"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // a file of the test
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readPack(ctx, bytes.NewReader(data), file, bounds()); err == nil {
		t.Error("a stopped pack was read")
	}
}

// /dev/full is a disk that has no room left.
func TestADiskThatIsFull(t *testing.T) {
	t.Parallel()
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	if _, err := readPack(t.Context(), bytes.NewReader(stored(t, similarFiles(t))), file, bounds()); !errs.Is(err, errs.StorageFull) {
		t.Errorf("the error is %v (%s)", err, errs.KindOf(err))
	}
}

func FuzzReadPack(f *testing.F) {
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01" + referring()))
	f.Add(sealed([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"), referring()))
	f.Add(sealed([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"), "\x31x\x9c\x63\x00\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := bounds()
		l.delta, l.objects = 1<<16, 1000
		p, err := read(t, data, l)
		if err != nil {
			return
		}
		for i := range p.objects {
			if o := &p.objects[i]; !o.resolved() || o.hash.IsZero() {
				t.Errorf("object %d was taken without knowing what it is", i)
			}
		}
	})
}
