package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// block is how many bytes are written between two looks at the clock.
const block = 1 << 20

// stored are the bytes of a file, wherever they lie.
type stored interface {
	// copyTo writes a span in blocks and calls alive before each. It fails when there are fewer bytes than that.
	copyTo(w io.Writer, s span, alive func()) (int64, error)
	io.Closer
}

// open opens an artifact's bytes and compares their size with the row: what differs is not the file and is not served.
func (x *exchange) open(ctx context.Context, store storage.Storage, artifact *model.Artifact) (stored, error) {
	var bytes stored
	var size int64
	var err error
	if local, ok := store.(storage.Local); ok {
		bytes, size, err = openFile(local, artifact.File)
	} else {
		bytes, size, err = openBlob(ctx, x.c.UserContext(), store, artifact.File, x.stall)
	}
	if err != nil {
		return nil, damaged("the bytes of this file cannot be read; ask the administrator to verify the storage", err)
	}
	if size != artifact.Size {
		fault := fmt.Errorf("%s has %d bytes, its artifact %s has %d", artifact.File, size, artifact.ID, artifact.Size)
		return nil, damaged("the bytes of this file are damaged; ask the administrator to verify the storage", errors.Join(fault, bytes.Close()))
	}
	return bytes, nil
}

// localFile is a file of this machine. The kernel copies it to the connection.
type localFile struct{ *os.File }

func openFile(local storage.Local, key string) (stored, int64, error) {
	name, err := local.LocalPath(key)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", key)
	}
	if err != nil {
		_ = f.Close() // nothing was written to it
		return nil, 0, err
	}
	return localFile{f}, info.Size(), nil
}

// copyTo gives the connection a limited *os.File: the one shape, besides the file itself, that package net turns into
// sendfile(2).
func (f localFile) copyTo(w io.Writer, s span, alive func()) (int64, error) {
	if _, err := f.Seek(s.start, io.SeekStart); err != nil {
		return 0, err
	}
	sent := int64(0)
	for sent < s.length {
		alive()
		want := min(block, s.length-sent)
		n, err := io.Copy(w, &io.LimitedReader{R: f.File, N: want})
		sent += n
		if err == nil && n < want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// blob is an object in a storage that is not of this machine. It is read while it is written out.
type blob struct {
	storage.Storage
	ctx    context.Context // lives as long as the body: the request's own ends with its handler
	cancel context.CancelFunc
	key    string
	stall  time.Duration // how long it may stand still
}

// openBlob asks the storage for the size first: an object that is too long would show only after the last byte.
func openBlob(ctx, body context.Context, store storage.Storage, key string, stall time.Duration) (stored, int64, error) {
	info, err := store.Stat(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	b := &blob{Storage: store, key: key, stall: stall}
	b.ctx, b.cancel = context.WithCancel(body)
	return b, info.Size, nil
}

func (b *blob) copyTo(w io.Writer, s span, alive func()) (int64, error) {
	stalled := time.AfterFunc(b.stall, b.cancel)
	defer stalled.Stop()
	r, err := b.Open(b.ctx, b.key, s.start, s.length)
	if err != nil {
		return 0, &unread{b.key, err}
	}
	defer r.Close()
	sent, buffer := int64(0), make([]byte, 64<<10)
	for sent < s.length {
		alive()
		stalled.Reset(b.stall)
		n, err := io.ReadFull(r, buffer[:min(int64(len(buffer)), s.length-sent)])
		if err != nil {
			return sent, &unread{b.key, err}
		}
		n, err = w.Write(buffer[:n])
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// unread is the failure of a storage in the middle of a body, as opposed to that of the client's connection.
type unread struct {
	key   string
	cause error
}

func (u *unread) Error() string { return "read " + u.key + ": " + u.cause.Error() }
func (u *unread) Unwrap() error { return u.cause }

// Close ends whatever is still being read.
func (b *blob) Close() error {
	b.cancel()
	return nil
}

var (
	_ stored = localFile{}
	_ stored = (*blob)(nil)
)
