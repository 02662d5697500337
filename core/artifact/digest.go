// Package artifact takes in the bytes of content: it hashes them on the way, stores them once, and never serves them under
// a digest that they do not have.
package artifact

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Algorithm is the name of a digest as clients and the database spell it.
type Algorithm string

// The algorithms. MD5 and SHA1 are there for old formats and clients; they prove nothing against an attacker.
const (
	MD5    Algorithm = "md5"
	SHA1   Algorithm = "sha1"
	SHA224 Algorithm = "sha224"
	SHA256 Algorithm = "sha256"
	SHA384 Algorithm = "sha384"
	SHA512 Algorithm = "sha512"
)

// Digests holds digests of one artifact, each in lower-case hex.
type Digests map[Algorithm]string

// Algorithms lists all algorithms, the weakest first.
func Algorithms() []Algorithm {
	return []Algorithm{MD5, SHA1, SHA224, SHA256, SHA384, SHA512}
}

// ParseAlgorithm gives the algorithm of that name, or errs.Invalid. Names are lower-case and without a dash.
func ParseAlgorithm(name string) (Algorithm, error) {
	if a := Algorithm(name); slices.Contains(Algorithms(), a) {
		return a, nil
	}
	return "", errs.New(errs.Invalid, "the digest algorithm %q is unknown; use md5, sha1, sha224, sha256, sha384 or sha512", name)
}

// HexLen is the number of hex digits of a digest; 0 for an unknown algorithm.
func (a Algorithm) HexLen() int {
	if h := a.hash(); h != nil {
		return 2 * h.Size()
	}
	return 0
}

// Valid tells whether digest is written as this algorithm's digests are: HexLen digits, lower-case.
func (a Algorithm) Valid(digest string) bool {
	return digest != "" && len(digest) == a.HexLen() && strings.Trim(digest, "0123456789abcdef") == ""
}

// hash makes the standard library's hash, which uses the processor's instructions; nil for an unknown algorithm.
func (a Algorithm) hash() hash.Hash {
	switch a {
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	}
	return nil
}
