package secret

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// live is the ring in use and the file that it came from, which may change while the process runs.
type live struct {
	ring atomic.Pointer[ring]
	path string // empty for keys that came from no file

	mu   sync.Mutex
	seen atomic.Pointer[stamp]
}

// stamp tells one state of a file from another.
type stamp struct {
	size    int64
	changed time.Time
	inode   uint64
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), changed: info.ModTime()}
	if system, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = system.Ino
	}
	return s
}

func newLive(r *ring) *live {
	l := &live{}
	l.ring.Store(r)
	return l
}

// loadLive reads a file that it will follow.
func loadLive(path string) (*live, error) {
	l := &live{path: path}
	return l, l.read()
}

// read takes the file's keys. A file that cannot be used leaves the keys as they were.
func (l *live) read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readLocked()
}

func (l *live) readLocked() error {
	text, info, err := read(l.path)
	if err != nil {
		return err
	}
	keys, err := Parse(text)
	if err != nil {
		return err
	}
	r, err := newRing(keys)
	if err != nil {
		return err
	}
	l.ring.Store(r)
	now := stampOf(info)
	l.seen.Store(&now)
	return nil
}

// follow reads the file again if it has changed. What cannot be read now is tried again the next time: the keys that are
// known go on working, and who needs another one is told so by its own error.
func (l *live) follow() {
	if l.path == "" || !l.stale() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale() { // nobody else has read it meanwhile
		_ = l.readLocked()
	}
}

func (l *live) stale() bool {
	info, err := os.Stat(l.path)
	return err == nil && stampOf(info) != *l.seen.Load()
}

// Reload reads the key file again. On an error the keys stay as they were. A Box of keys without a file has nothing to
// read.
func (b Box) Reload() error {
	if b.live == nil || b.live.path == "" {
		return nil
	}
	if err := b.live.read(); err != nil {
		return fmt.Errorf("read the key file %s again, the keys stay as they were: %w", b.live.path, err)
	}
	return nil
}
