package storage

import "github.com/packhouse/packhouse/core/errs"

// ValidSpan checks the offset and length of an Open before the size of the blob is known: errs.Invalid for an offset
// below 0 or a length below -1.
func ValidSpan(offset, length int64) error {
	if offset < 0 || length < -1 {
		return errs.New(errs.Invalid, "cannot read %d bytes from offset %d; use an offset from 0 and a length from 0, or -1 for all", length, offset)
	}
	return nil
}

// Span gives the number of bytes that an Open with a valid offset and length yields from a blob of size bytes, or
// errs.Range when the offset lies at or past the end of a blob that is not read from its beginning.
func Span(key string, size, offset, length int64) (int64, error) {
	if offset > 0 && offset >= size {
		return 0, BeyondEnd(key, offset)
	}
	rest := size - offset
	if length == -1 || length > rest {
		return rest, nil
	}
	return length, nil
}

// BeyondEnd is the errs.Range error of an offset that the blob does not reach.
func BeyondEnd(key string, offset int64) error {
	return errs.New(errs.Range, "the blob %q ends before offset %d; ask for a range within its size", clip(key), offset)
}

// Missing is the errs.NotFound error of a blob that is not there; the cause may be nil.
func Missing(key string, cause error) error {
	return &errs.Error{Kind: errs.NotFound, Msg: `there is no blob "` + clip(key) + `" in the storage; check the key, or run a repair if it should be there`, Err: cause}
}
