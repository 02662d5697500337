package gitsource

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/packhouse/packhouse/core/errs"
)

// verify reads a file of Git LFS and ends in an error where it is not what its pointer says. Errors of reading are
// explained.
func verify(body io.ReadCloser, path string, want Pointer, explain func(error) error) io.ReadCloser {
	return &verified{ReadCloser: body, path: path, want: want, sum: sha256.New(), explain: explain}
}

type verified struct {
	io.ReadCloser
	path string
	want Pointer
	sum  hash.Hash
	read int64

	explain func(error) error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.read += int64(n)
	_, _ = v.sum.Write(p[:n]) // never fails
	switch {
	case v.read > v.want.Size || errors.Is(err, io.EOF) && v.read < v.want.Size:
		return n, errs.Coded(errs.Invalid, "PLP0004", "%s is in Git LFS as %s with %d bytes, but the server sends %d or more; check it with git lfs fsck",
			v.path, v.want.OID, v.want.Size, v.read)
	case errors.Is(err, io.EOF) && hex.EncodeToString(v.sum.Sum(nil)) != v.want.OID:
		return n, errs.Coded(errs.Invalid, "PLP0003", "%s is in Git LFS as %s, but the server sends something else; check it with git lfs fsck", v.path, v.want.OID)
	case err != nil && !errors.Is(err, io.EOF):
		return n, v.explain(err)
	}
	return n, err
}
