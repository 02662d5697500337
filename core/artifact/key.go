package artifact

import (
	"strings"

	"github.com/packhouse/packhouse/core/ident"
)

// keyPrefix begins the keys of all artifacts.
const keyPrefix = "artifact/"

// Key is where the bytes of a SHA-256 lie in the storage of the default domain.
func Key(sha256 string) string { return keyPrefix + sha256[:2] + "/" + sha256[2:] }

// KeyIn is where the bytes of a SHA-256 lie in the storage of a domain. Domains other than the default one have their
// identity in it, so that any number of them can share a folder or bucket.
func KeyIn(domain, sha256 string) string {
	if domain == "" || domain == ident.DefaultDomain {
		return Key(sha256)
	}
	return keyPrefix + domain + "/" + sha256[:2] + "/" + sha256[2:]
}

// Prefix begins the keys of the store's artifacts. That of the default domain begins those of other domains too.
func (s *Store) Prefix() string {
	if s.Domain() == ident.DefaultDomain {
		return keyPrefix
	}
	return keyPrefix + s.domain + "/"
}

func (s *Store) key(sha256 string) string { return KeyIn(s.domain, sha256) }

// sha256Of is the digest in a key that the store made, "" for any other: for another domain's as well, whose bytes are
// none of its business where both share a storage.
func (s *Store) sha256Of(key string) string {
	digest := strings.ReplaceAll(strings.TrimPrefix(key, s.Prefix()), "/", "")
	if !SHA256.Valid(digest) || s.key(digest) != key {
		return ""
	}
	return digest
}
