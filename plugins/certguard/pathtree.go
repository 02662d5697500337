package certguard

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a packed tree.
const (
	maxWords = 1 << 20 // bytes of all names together
	maxNodes = 1 << 14
)

// pathTree is the tree of paths of an entitlement certificate of version 3. Each node leads to others by the names of
// segments; the end of a path is a node that leads nowhere. Nodes that have the same below them are one node, so it is
// walked and never written out: written out it may be as large as one likes.
//
// Its packed form, in the extension 1.3.6.1.4.1.2312.9.7, is
//
//	a zlib stream of names, each ended by a zero byte;
//	the number of nodes: a byte below 128, or 128 plus the length of the big-endian number that follows;
//	bits, the highest of each byte first: for each node in turn pairs of a name's code and a node's code, and at its end
//	the code of "end".
//
// Codes are those of Huffman's: of names by weights 1, 2, 3 and so on in their order, with "end" the heaviest; of nodes
// likewise, from the second on, for nothing leads to the first. The lighter of two is on the left (bit 0); of two of the
// same weight the one that was there first, and a joined one comes after all that are there.
type pathTree struct {
	nodes [][]edge
}

type edge struct {
	name string
	to   int
}

// parsePathTree unpacks a tree.
func parsePathTree(packed []byte) (*pathTree, error) {
	rest := bytes.NewReader(packed) // a ByteReader, so that zlib reads no further than its own end
	names, err := readNames(rest)
	if err != nil {
		return nil, err
	}
	count, err := readCount(rest)
	if err != nil {
		return nil, err
	}
	tree := &pathTree{nodes: make([][]edge, count)}
	end := len(names)
	byName, byNode, bits := newCode(end+1), newCode(count-1), &bitReader{from: rest}
	for i := range tree.nodes {
		for {
			name, err := byName.read(bits)
			if err != nil {
				return nil, err
			}
			if name == end {
				break
			}
			to, err := byNode.read(bits)
			if err != nil {
				return nil, err
			}
			tree.nodes[i] = append(tree.nodes[i], edge{names[name], to + 1})
		}
	}
	return tree, nil
}

// covers tells whether a path is one of the tree's or below one.
func (t *pathTree) covers(path []string) bool {
	at := map[int]bool{0: true}
	for _, segment := range path {
		next := map[int]bool{}
		for node := range at {
			for _, e := range t.nodes[node] {
				if !fits(e.name, segment) {
					continue
				}
				if len(t.nodes[e.to]) == 0 {
					return true
				}
				next[e.to] = true
			}
		}
		at = next
	}
	return false
}

func readNames(r *bytes.Reader) ([]string, error) {
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read the names: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxWords+1))
	if err != nil {
		return nil, fmt.Errorf("read the names: %w", err)
	}
	if len(text) > maxWords || len(text) > 0 && text[len(text)-1] != 0 {
		return nil, errors.New("the names are too many or not complete")
	}
	if len(text) == 0 {
		return nil, nil
	}
	return strings.Split(string(text[:len(text)-1]), "\x00"), nil
}

func readCount(r io.ByteReader) (int, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, fmt.Errorf("read the number of nodes: %w", err)
	}
	count := int(first)
	if first >= 128 {
		count = 0
		for range first - 128 {
			next, err := r.ReadByte()
			if err != nil {
				return 0, fmt.Errorf("read the number of nodes: %w", err)
			}
			if count = count<<8 | int(next); count > maxNodes {
				break
			}
		}
	}
	if count < 1 || count > maxNodes {
		return 0, errors.New("the number of nodes is out of bounds")
	}
	return count, nil
}

// bitReader reads bytes bit by bit, the highest first.
type bitReader struct {
	from io.ByteReader
	byte byte
	left int
}

func (b *bitReader) next() (byte, error) {
	if b.left == 0 {
		var err error
		if b.byte, err = b.from.ReadByte(); err != nil {
			return 0, fmt.Errorf("the tree ends before its time: %w", err)
		}
		b.left = 8
	}
	b.left--
	return b.byte >> b.left & 1, nil
}

// code is a Huffman tree over the numbers from 0 to size-1, of which each weighs one more than the one before.
type code struct {
	root *branch
}

// branch is a part of the tree: a value, or two branches.
type branch struct {
	weight, born, value int
	sides               [2]*branch
}

func newCode(size int) code {
	all := make(branches, 0, size)
	for i := range size {
		all = append(all, &branch{weight: i + 1, born: i, value: i})
	}
	if size == 0 {
		return code{}
	}
	// Weights rise, so this is a heap already.
	for born := size; len(all) > 1; born++ {
		left, right := heap.Pop(&all).(*branch), heap.Pop(&all).(*branch)
		heap.Push(&all, &branch{weight: left.weight + right.weight, born: born, sides: [2]*branch{left, right}})
	}
	return code{root: all[0]}
}

func (c code) read(bits *bitReader) (int, error) {
	if c.root == nil {
		return 0, errors.New("the tree leads to a node that is not there")
	}
	at := c.root
	for at.sides[0] != nil {
		bit, err := bits.next()
		if err != nil {
			return 0, err
		}
		at = at.sides[bit]
	}
	return at.value, nil
}

// branches are those that are not joined yet, the lightest first.
type branches []*branch

// Len is how many there are.
func (b branches) Len() int { return len(b) }

// Less orders by weight and age.
func (b branches) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(b[i].weight, b[j].weight), cmp.Compare(b[i].born, b[j].born)) < 0
}

// Swap swaps two.
func (b branches) Swap(i, j int) { b[i], b[j] = b[j], b[i] }

// Push adds one.
func (b *branches) Push(x any) { *b = append(*b, x.(*branch)) }

// Pop takes the last.
func (b *branches) Pop() any {
	last := len(*b) - 1
	x := (*b)[last]
	*b = (*b)[:last]
	return x
}

var _ heap.Interface = (*branches)(nil)
