// Package storage keeps bytes by key and knows nothing else about them.
//
// A blob is written to the side (Stage), and becomes visible at once and whole when it is committed under its key. Two
// backends exist, storage/fs and storage/s3; both pass the suite in storage/storagetest. What only one of them can do is
// an optional power: a second interface (see powers.go) that the caller asks for with a type assertion and whose absence
// has a documented fallback.
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Info describes a stored blob.
type Info struct {
	// Key is the key under which the blob was committed.
	Key string
	// Size is the number of bytes.
	Size int64
	// ModTime is when the blob was committed, by the clock of the storage.
	ModTime time.Time
}

// Storage keeps bytes by key. Keys follow ValidKey; no key may be the folder of another one ("a" beside "a/b"), because a
// file system cannot hold both. All methods may be called by many goroutines at once.
//
// Errors have a kind: NotFound for a missing blob, Invalid for a key that breaks the rules, Range for an offset past the
// end, StorageFull, Unavailable when the storage does not answer, Canceled when ctx ended.
type Storage interface {
	// Stage begins a blob whose key is not known yet.
	Stage(ctx context.Context) (Staged, error)
	// Open reads length bytes from offset on; a length of -1 means to the end, and a length that reaches past the end is
	// cut there. An offset at or past the end is errs.Range, save that an empty blob may be read from 0. The ctx must
	// live until the reader is closed.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat tells size and time of a blob.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes a blob; it is no error when there is none.
	Delete(ctx context.Context, key string) error
	// List walks the blobs whose key starts with prefix, in the byte order of the keys. After an error it stops.
	// Files and objects whose names break the key rules are not ours and are left out.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Staged is a blob being written. A half-written blob is never visible, and one on which a Write failed cannot be
// committed. It is for one goroutine at a time.
type Staged interface {
	io.Writer
	// Size is the number of bytes written so far.
	Size() int64
	// Commit makes the blob durable and visible under key; what was there is replaced in one step. After an error it
	// may be tried again, unless the bytes themselves are lost.
	Commit(ctx context.Context, key string) error
	// Cancel throws the blob away. It does nothing after a Commit that succeeded, so it is safe to defer.
	Cancel() error
}
