package storage

import (
	"context"
	"io"
	"time"
)

// Local is the optional power of a storage whose blobs are files on this machine, for serving without copying.
// Without it, serve through Open.
type Local interface {
	// LocalPath gives the absolute path of a blob's file; errs.NotFound when there is none.
	LocalPath(key string) (string, error)
}

// PatchPrefix is where the blobs that a Patcher may write to live. Everything else is immutable once committed.
const PatchPrefix = "upload/"

// Patcher is the optional power to write parts of a temporary blob in place, for chunked uploads without a second copy.
// Without it, keep each chunk as a blob of its own and join them when the upload is finished.
type Patcher interface {
	// WriteAt copies r into the temporary blob at offset, making the blob if it does not exist, and returns the bytes
	// written, also beside an error. The key must start with PatchPrefix. The bytes are durable after Adopt only.
	WriteAt(ctx context.Context, key string, offset int64, r io.Reader) (int64, error)
	// Adopt renames a temporary blob durably to its final key, which must not start with PatchPrefix.
	Adopt(ctx context.Context, from, to string) error
}

// Signer is the optional power to hand out a link that expires. Without it, serve through Open.
type Signer interface {
	// Sign gives an absolute URL under which the blob can be fetched without credentials. It does not look whether the
	// blob exists.
	Sign(ctx context.Context, key string, o SignOptions) (string, error)
}

// SignOptions says what a signed link allows and what it answers.
type SignOptions struct {
	// Method is GET or HEAD; a link is valid for one of them only. Empty means GET.
	Method string
	// TTL is how long the link works, from one second to seven days; whole seconds.
	TTL time.Duration
	// ContentType is the media type of the answer; empty leaves it to the storage.
	ContentType string
	// Filename is the name under which browsers save the answer; empty for none.
	Filename string
}

// Meter is the optional power to tell how full the storage is. Without it, the status page shows no numbers.
type Meter interface {
	// Usage gives sizes in bytes: of the whole storage, of what is used, and of what may still be written.
	Usage(ctx context.Context) (total, used, free int64, err error)
}

// Sealer is a Staged that can be made durable before its key is known, so that its Commit is short.
type Sealer interface {
	// Seal ends the writing and makes the bytes durable, not visible. It may take long; Commit and Cancel follow.
	Seal(ctx context.Context) error
}

// Gatherer is the optional power to commit many blobs at less than the cost of each by itself. Without it, commit each.
type Gatherer interface {
	// CommitAll is Commit for blobs of this storage under keys, one for each. After an error some of them may be
	// committed; to Cancel those does nothing.
	CommitAll(ctx context.Context, blobs []Staged, keys []string) error
}

// Peeker is a Staged that can be read while it is written. Without it, wait for the Commit and use Open.
type Peeker interface {
	// Peek opens what has been written and what still will be; offsets beyond that are io.EOF. It comes before Seal,
	// Commit and Cancel, and what it gives stays readable after them, until it is closed.
	Peek() (Peeked, error)
}

// Peeked are the bytes of a Staged. It is safe for concurrent use, and beside the writing. One that is a syscall.Conn too is
// a file from which the kernel may send.
type Peeked interface {
	io.ReaderAt
	io.Closer
}

// Cleaner is the optional power to clear away what a killed process left half-written. Without it nothing is left.
type Cleaner interface {
	// Clean removes half-written blobs that nobody has touched since olderThan and returns how many.
	Clean(ctx context.Context, olderThan time.Time) (int, error)
}
