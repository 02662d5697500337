package artifact

import (
	"context"

	"github.com/packhouse/packhouse/core/storage"
)

// Incoming is a file that is written piece by piece. It is for one goroutine at a time, but for what Peek gives.
type Incoming struct {
	store  *Store
	staged storage.Staged
	hasher *Hasher
}

// Begin starts to take in a file. Finish or Cancel ends it.
func (s *Store) Begin(ctx context.Context) (*Incoming, error) {
	staged, err := s.Storage.Stage(ctx)
	if err != nil {
		return nil, err
	}
	return &Incoming{store: s, staged: staged, hasher: NewHasher(s.Algorithms...)}, nil
}

// Write hashes and keeps p.
func (i *Incoming) Write(p []byte) (int, error) {
	if n, err := i.hasher.Write(p); err != nil {
		return n, err
	}
	return i.staged.Write(p)
}

// Peek gives the bytes to readers, who may have them until they close what they got, whatever becomes of the file. It
// is nil where the storage cannot do that.
func (i *Incoming) Peek() (storage.Peeked, error) {
	if one, can := i.staged.(storage.Peeker); can {
		return one.Peek()
	}
	return nil, nil
}

// Finish ends the writing and gives what came in. It is not durable before Seal or Save.
func (i *Incoming) Finish() *Received {
	digests, size := i.hasher.Sum()
	return &Received{Digests: digests, Size: size, bytes: i.staged, store: i.store}
}

// Cancel throws the bytes away. It is safe to call beside the Cancel of what Finish gave, not after its Save.
func (i *Incoming) Cancel() error {
	i.hasher.Close()
	return i.staged.Cancel()
}

// Seal makes the bytes durable, so that Save has little left to do: its transaction may keep all other writers waiting.
// It may take long.
func (r *Received) Seal(ctx context.Context) error {
	if one, can := r.bytes.(storage.Sealer); can {
		return one.Seal(ctx)
	}
	return nil
}
