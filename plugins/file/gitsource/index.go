package gitsource

import (
	"bufio"
	"bytes"
	"crypto/sha1" // the format wants it
	"encoding/binary"
	"io"
	"os"
	"slices"
)

// writeIndex writes the index of a pack (git's documentation, gitformat-pack, "version 2 pack-*.idx files").
func (p *pack) writeIndex(file *os.File) error {
	sum := sha1.New() // the format wants it
	out := bufio.NewWriter(io.MultiWriter(file, sum))
	sorted := p.sorted()
	_, _ = out.Write([]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}) // Flush tells of any error
	p.writeFanout(out, sorted)
	for _, i := range sorted {
		_, _ = out.Write(p.objects[i].hash[:])
	}
	for _, i := range sorted {
		_ = binary.Write(out, binary.BigEndian, p.objects[i].crc)
	}
	p.writeOffsets(out, sorted)
	_, _ = out.Write(p.sum[:])
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := file.Write(sum.Sum(nil))
	return err
}

// sorted gives the numbers of the objects by hash, each hash once.
func (p *pack) sorted() []int32 {
	numbers := make([]int32, len(p.objects))
	for i := range numbers {
		numbers[i] = int32(i) // limits.objects is far below
	}
	slices.SortFunc(numbers, func(a, b int32) int { return bytes.Compare(p.objects[a].hash[:], p.objects[b].hash[:]) })
	return slices.CompactFunc(numbers, func(a, b int32) bool { return p.objects[a].hash == p.objects[b].hash })
}

// writeFanout writes how many hashes start with each byte or a smaller one.
func (p *pack) writeFanout(out *bufio.Writer, sorted []int32) {
	var count [256]uint32
	for _, i := range sorted {
		count[p.objects[i].hash[0]]++
	}
	total := uint32(0)
	for _, n := range count {
		total += n
		_ = binary.Write(out, binary.BigEndian, total)
	}
}

// writeOffsets writes where the objects are; those beyond 2 GiB have an entry in a second table.
func (p *pack) writeOffsets(out *bufio.Writer, sorted []int32) {
	const far = 1 << 31
	var distant []uint64
	for _, i := range sorted {
		offset := uint64(p.objects[i].offset) // offsets are not negative
		if offset >= far {
			distant = append(distant, offset)
			offset = far | uint64(len(distant)-1)
		}
		_ = binary.Write(out, binary.BigEndian, uint32(offset)) // it is less than 2^32
	}
	_ = binary.Write(out, binary.BigEndian, distant)
}
