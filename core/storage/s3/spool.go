package s3

import (
	"os"
	"sync/atomic"
	"syscall"

	"github.com/packhouse/packhouse/core/storage"
)

// spool is a file that is closed, and with that gone, when the last one of those who use it lets go.
type spool struct {
	*os.File
	name  string // only where an open file cannot be unlinked
	users atomic.Int32
}

func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, "packhouse-spool-*") // mode 0600
	if err != nil {
		return nil, spoolFault("make", err)
	}
	s := &spool{File: file}
	s.users.Store(1)
	if os.Remove(file.Name()) != nil {
		s.name = file.Name() // this system keeps the names of open files; the name goes with the last user
	}
	return s, nil
}

// release lets go for one user. The content is stored or unwanted by then, so errors cost nothing but space.
func (s *spool) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	_ = s.Close()
	if s.name == "" {
		return nil
	}
	if err := os.Remove(s.name); err != nil {
		return spoolFault("remove", err)
	}
	return nil
}

// peeked is the spool of a blob in the hands of a reader.
type peeked struct {
	spool  *spool
	closed atomic.Bool
}

func (p *peeked) ReadAt(to []byte, offset int64) (int, error) {
	if p.closed.Load() {
		return 0, os.ErrClosed
	}
	return p.spool.ReadAt(to, offset)
}

func (p *peeked) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.spool.release()
}

// SyscallConn lets the kernel send from the spool.
func (p *peeked) SyscallConn() (syscall.RawConn, error) {
	if p.closed.Load() {
		return nil, os.ErrClosed
	}
	return p.spool.SyscallConn()
}

var _ storage.Peeked = (*peeked)(nil)
