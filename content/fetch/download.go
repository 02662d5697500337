package fetch

import (
	"context"
	"io"
	"sync"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Download is the part of one client in a file on its way. It is for one goroutine at a time; Close it.
type Download struct {
	transfer *transfer
	closed   sync.Once
}

// Stored is the artifact, when it is in the storage already; nil while it is on its way and for what is never stored.
func (d *Download) Stored() *model.Artifact {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.artifact == nil || t.artifact.ID == "" {
		return nil
	}
	return t.artifact
}

// Size is the size in bytes, as declared by the metadata or else by the upstream; ok is false as long as it is not known.
func (d *Download) Size() (size int64, ok bool) {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size, t.size != unknown
}

// SHA256 is the declared digest, which the bytes are compared with; empty where it is not known.
func (d *Download) SHA256() string {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sha256
}

// Unit is the unit of content that a file became which was pulled through; empty before that, and where it became none.
func (d *Download) Unit() string {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unit
}

// Verified tells whether the bytes are known to be what they must be.
func (d *Download) Verified() bool {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.verified
}

// Readable tells whether Await and ReadAt work. Without that, Wait and read what is stored.
func (d *Download) Readable() bool {
	t := d.transfer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peek != nil
}

// Wait waits until the file is verified and stored. An artifact without an ID is verified and not stored: ReadAt gives
// its bytes.
func (d *Download) Wait(ctx context.Context) (*model.Artifact, error) {
	t := d.transfer
	if err := t.await(ctx, func() bool { return t.ended }); err != nil {
		return nil, err
	}
	return t.artifact, t.err // nothing changes any more
}

// Await waits until there are bytes behind offset that a client may have. It gives the end of those; whole says that the
// file ends there and is verified. An error says that the file is not what it should be, or did not come to its end:
// what the client has of it must not look complete.
func (d *Download) Await(ctx context.Context, offset int64) (until int64, whole bool, err error) {
	t := d.transfer
	waited := t.await(ctx, func() bool {
		until, whole = t.released(), t.verified
		return until > offset || whole || t.ended
	})
	if waited != nil {
		return 0, false, waited
	}
	if !whole && until <= offset {
		return 0, false, t.err // ended
	}
	return until, whole, nil
}

// ReadAt reads what Await has given out.
func (d *Download) ReadAt(p []byte, offset int64) (int, error) {
	peek := d.transfer.peek // not changed before the last reader has gone
	if peek == nil {
		return 0, errs.New(errs.Internal, "the storage cannot be read while it is written")
	}
	return peek.ReadAt(p, offset)
}

// File gives the spool to the kernel, which may read what Await has given out until Close; ok is false where it is no file.
func (d *Download) File() (file syscall.RawConn, ok bool) {
	open, ok := d.transfer.peek.(syscall.Conn) // as in ReadAt
	if !ok {
		return nil, false
	}
	file, err := open.SyscallConn()
	return file, err == nil
}

// Close takes the client away.
func (d *Download) Close() {
	d.closed.Do(d.transfer.leave)
}

var _ io.ReaderAt = (*Download)(nil)
