package artifact

import (
	"hash"
	"sync"
	"sync/atomic"
)

const (
	// blockSize is what is handed over at once: big enough that the handing over costs nothing beside the hashing.
	blockSize = 128 << 10
	// maxBlocks lets a fast digest run ahead of a slow one a little; together they bound the memory of a Hasher.
	maxBlocks = 8
)

// line feeds several hashes, each in a goroutine of its own, with the same blocks.
type line struct {
	lanes  []chan *block
	free   chan *block // blocks that all lanes are done with
	made   int
	filled *block // being filled; nil if none
	ended  sync.WaitGroup
}

// block is a piece of the content; left counts the lanes that still need it.
type block struct {
	bytes []byte
	left  atomic.Int32
}

func newLine(hashes []hash.Hash) *line {
	l := &line{free: make(chan *block, maxBlocks)}
	for _, h := range hashes {
		lane := make(chan *block, maxBlocks) // room for every block there is: sending never waits
		l.lanes = append(l.lanes, lane)
		l.ended.Go(func() {
			for b := range lane {
				h.Write(b.bytes)
				l.release(b)
			}
		})
	}
	return l
}

func (l *line) release(b *block) {
	if b.left.Add(-1) == 0 {
		l.free <- b
	}
}

// write copies p into blocks and hands over those that are full.
func (l *line) write(p []byte) {
	for len(p) > 0 {
		if l.filled == nil {
			l.filled = l.take()
		}
		b := l.filled
		n := min(len(p), blockSize-len(b.bytes))
		b.bytes, p = append(b.bytes, p[:n]...), p[n:]
		if len(b.bytes) == blockSize {
			l.flush()
		}
	}
}

// take gives an empty block: a used one, a new one as long as there are few, or the next that comes free.
func (l *line) take() *block {
	var b *block
	select {
	case b = <-l.free:
	default:
		if l.made < maxBlocks {
			l.made++
			return &block{bytes: make([]byte, 0, blockSize)}
		}
		b = <-l.free
	}
	b.bytes = b.bytes[:0]
	return b
}

// flush hands over what is filled so far.
func (l *line) flush() {
	b := l.filled
	if b == nil {
		return
	}
	l.filled = nil
	b.left.Store(int32(len(l.lanes)))
	for _, lane := range l.lanes {
		lane <- b
	}
}

// close lets the lanes finish what they were handed and waits for them.
func (l *line) close() {
	for _, lane := range l.lanes {
		close(lane)
	}
	l.ended.Wait()
}
