package gitsource

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/packhouse/packhouse/core/errs"
)

// chain is how many differences may build on one another, as in git itself.
const chain = 4095

// packed is an object of a pack.
type packed struct {
	hash   plumbing.Hash
	offset int64
	// length is in bytes, of what is stored: the object, or the difference.
	length int64
	crc    uint32
	// base is the number of the object that a difference builds on, -1 for none or while it is not known.
	base  int32
	chain uint16
	kind  plumbing.ObjectType
}

func (o *packed) resolved() bool { return !o.kind.IsDelta() }

// pack checks a pack: it reads it once from the network, then puts each difference together to learn what it is.
//
// go-git's own parser is not used because it holds every object in memory, also large files.
type pack struct {
	limits  limits
	objects []packed
	// references are the bases of those objects whose difference names it by hash, by number.
	references map[int32]plumbing.Hash
	sum        plumbing.Hash
	file       *os.File
	scanner    *packfile.Scanner
	cache      *cache.BufferLRU
}

// readPack copies a pack to a file and checks it on the way.
func readPack(ctx context.Context, r io.Reader, file *os.File, l limits) (*pack, error) {
	p := &pack{limits: l, references: map[int32]plumbing.Hash{}, file: file, cache: cache.NewBufferLRU(64 * cache.MiByte)}
	if err := p.scan(ctx, packfile.NewScanner(&intake{r: r, w: file})); err != nil {
		return nil, err
	}
	p.scanner = packfile.NewScanner(file)
	return p, p.resolve(ctx)
}

// scan reads all objects once. Whole ones get their hash here.
func (p *pack) scan(ctx context.Context, s *packfile.Scanner) error {
	_, count, err := s.Header()
	if err != nil {
		return err
	}
	if int64(count) > p.limits.objects {
		return errs.New(errs.TooLarge, "the pack has %d objects, more than the %d that are read; name a branch or a tag instead of a commit, so that no history is needed",
			count, p.limits.objects)
	}
	for range count {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.next(s); err != nil {
			return err
		}
	}
	p.sum, err = s.Checksum()
	return err
}

// next reads one object.
func (p *pack) next(s *packfile.Scanner) error {
	h, err := s.NextObjectHeader()
	if err != nil {
		return err
	}
	o := packed{offset: h.Offset, length: h.Length, kind: h.Type, base: -1}
	var w io.Writer = io.Discard
	hasher := plumbing.NewHasher(h.Type, h.Length)
	switch h.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		w = hasher
	case plumbing.OFSDeltaObject:
		if o.base, err = p.at(h.OffsetReference); err != nil {
			return err
		}
	case plumbing.REFDeltaObject:
		p.references[int32(len(p.objects))] = h.Reference // limits.objects is far below
	default:
		return malformed("an object of type %d", h.Type)
	}
	n, crc, err := s.NextObject(w)
	if err != nil {
		return err
	}
	if n != h.Length {
		return malformed("an object of %d bytes that says it has %d", n, h.Length)
	}
	if o.crc = crc; o.resolved() {
		o.hash = hasher.Sum()
	}
	p.objects = append(p.objects, o)
	return nil
}

// at gives the number of the object at an offset; objects are in the order of their offsets.
func (p *pack) at(offset int64) (int32, error) {
	low, high := 0, len(p.objects)
	for low < high {
		if middle := (low + high) / 2; p.objects[middle].offset < offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(p.objects) || p.objects[low].offset != offset {
		return 0, malformed("a difference to something that is no object")
	}
	return int32(low), nil // limits.objects is far below
}

// resolve puts the differences together. Those that name their base by hash may stand before it, so it goes over the
// pack until nothing is left; as often as a chain is long at most, and once for what servers usually send.
func (p *pack) resolve(ctx context.Context) error {
	byHash := p.byHash()
	for left, before := -1, 0; left != 0; before = left {
		left = 0
		for i := range p.objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			done, err := p.resolveOne(int32(i), byHash) // limits.objects is far below
			if err != nil {
				return err
			}
			if !done {
				left++
			}
		}
		if left > 0 && left == before {
			return malformed("%d differences to objects that are not in it", left)
		}
	}
	return nil
}

// byHash gives the numbers of whole objects by their hash, if any difference needs them.
func (p *pack) byHash() map[plumbing.Hash]int32 {
	numbers := map[plumbing.Hash]int32{}
	if len(p.references) == 0 {
		return numbers
	}
	for i := range p.objects {
		if o := &p.objects[i]; o.resolved() {
			numbers[o.hash] = int32(i) // limits.objects is far below
		}
	}
	return numbers
}

// resolveOne learns kind and hash of an object; false is for one whose base is not known yet.
func (p *pack) resolveOne(i int32, byHash map[plumbing.Hash]int32) (bool, error) {
	o := &p.objects[i]
	if o.resolved() {
		return true, nil
	}
	if reference, ok := p.references[i]; ok && o.base < 0 {
		base, known := byHash[reference]
		if !known {
			return false, nil
		}
		o.base = base
	}
	base := &p.objects[o.base]
	if !base.resolved() {
		return false, nil
	}
	if o.chain = base.chain + 1; o.chain > chain {
		return false, malformed("a chain of more than %d differences", chain)
	}
	data, err := p.content(i)
	if err != nil {
		return false, err
	}
	o.kind = base.kind
	o.hash = plumbing.ComputeHash(o.kind, data)
	if len(p.references) > 0 {
		byHash[o.hash] = i
	}
	return true, nil
}

// content gives an object whole.
func (p *pack) content(i int32) ([]byte, error) {
	if data, ok := p.cache.Get(int64(i)); ok {
		return data, nil
	}
	var base []byte
	var err error
	o := &p.objects[i]
	if o.base >= 0 {
		if base, err = p.content(o.base); err != nil {
			return nil, err
		}
	}
	data, err := p.inflate(o)
	if err != nil {
		return nil, err
	}
	if o.base >= 0 {
		if data, err = p.patch(base, data); err != nil {
			return nil, err
		}
	}
	p.cache.Put(int64(i), data)
	return data, nil
}

// inflate reads what is stored of an object.
func (p *pack) inflate(o *packed) ([]byte, error) {
	if o.length > p.limits.delta {
		return nil, p.huge(uint64(o.length)) // lengths are not negative
	}
	if _, err := p.scanner.SeekObjectHeader(o.offset); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, _, err := p.scanner.NextObject(&b)
	return b.Bytes(), err
}

// patch applies a difference, which starts with the lengths of what it is applied to and of what it gives.
func (p *pack) patch(base, delta []byte) ([]byte, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return nil, malformed("a difference without a length")
	}
	length, n := binary.Uvarint(delta[n:])
	if n <= 0 {
		return nil, malformed("a difference without a length")
	}
	if length > uint64(p.limits.delta) { // limits are not negative
		return nil, p.huge(length)
	}
	return packfile.PatchDelta(base, delta)
}

func (p *pack) huge(length uint64) error {
	return errs.New(errs.TooLarge, "the pack stores an object of %d bytes as a difference, which is done up to %d bytes; keep such files in Git LFS", length, p.limits.delta)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: it has %s", packfile.ErrMalformedPackFile, fmt.Sprintf(format, args...))
}

// intake copies what is read; that it cannot is the fault of the disk.
type intake struct {
	r io.Reader
	w io.Writer
}

func (t *intake) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if _, fault := t.w.Write(b[:n]); fault != nil {
		return 0, diskFault(fault)
	}
	return n, err
}

func diskFault(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errs.New(errs.StorageFull, "the disk of the working folder is full; free space, or let it hold the whole repository: %w", err)
	}
	return errs.New(errs.Internal, "cannot keep the repository in the working folder; check the disk and the rights on that folder: %w", err)
}
