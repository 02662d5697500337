package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// State is how the bytes of an artifact are.
type State string

// The states.
const (
	Sound     State = "sound"
	Missing   State = "missing"
	Corrupted State = "corrupted"
)

// Check looks after the bytes of an artifact. With verify it reads them and compares the SHA-256; without, any bytes
// count as sound. Only what keeps it from telling is an error.
func (s *Store) Check(ctx context.Context, a *model.Artifact, verify bool) (State, error) {
	info, err := s.Storage.Stat(ctx, a.File)
	switch {
	case errs.Is(err, errs.NotFound):
		return Missing, nil
	case err != nil:
		return "", err
	case !verify:
		return Sound, nil
	case info.Size != a.Size:
		return Corrupted, nil
	}
	return s.verify(ctx, a)
}

func (s *Store) verify(ctx context.Context, a *model.Artifact) (state State, err error) {
	bytes, err := s.Storage.Open(ctx, a.File, 0, -1)
	if errs.Is(err, errs.NotFound) {
		return Missing, nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, bytes.Close()) }()
	digest := sha256.New()
	// The writer is hidden so that no copy is made around the context.
	if err := s.copy(struct{ io.Writer }{digest}, storage.Reader(ctx, bytes)); err != nil {
		return "", err
	}
	if sum(digest) != a.SHA256 {
		return Corrupted, nil
	}
	return Sound, nil
}
