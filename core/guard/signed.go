package guard

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// signedFor is how long a signed address works.
	signedFor = time.Hour
	saltSize  = 16
	keySize   = 32

	expiryName = "expires"
	tokenName  = "validate_token"
)

// SigningKey derives the key of signed addresses from the setting secret_key.
func SigningKey(secret string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "packhouse signed content address", keySize)
	if err != nil {
		return nil, errs.New(errs.Internal, "derive the key of signed addresses: %w", err)
	}
	return key, nil
}

// Sign makes an address that a content redirect guard lets through for an hour. path is the whole path as serve.Escaped
// writes it, with the content prefix; query is what the address shall carry beside the signature.
func Sign(key []byte, path, query string, now time.Time) (string, error) {
	if len(key) == 0 {
		return "", errs.New(errs.Unavailable, "addresses cannot be signed here; set secret_key")
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	if query != "" {
		query += "&"
	}
	query += expiryName + "=" + strconv.FormatInt(now.Add(signedFor).Unix(), 10)
	token := hex.EncodeToString(salt) + ":" + hex.EncodeToString(signature(salt, path, query, key))
	return path + "?" + query + "&" + tokenName + "=" + token, nil
}

// CheckSigned looks at the signature of an address that Sign made, and at its time: errs.Forbidden where it is not
// right. path is the one of the request as it was sent.
func CheckSigned(key []byte, path, query string, now time.Time) error {
	return checkSigned(key, path, query, now)
}

// signature is the digest over salt, path, "?", query and key. No path has a question mark, so what is signed can be
// taken apart in one way only.
func signature(salt []byte, path, query string, key []byte) []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%x%s?%s%x", salt, path, query, key) // a hash never fails to write
	return h.Sum(nil)
}

// checkSigned looks at the signature of an address and at its time.
func checkSigned(key []byte, path, query string, now time.Time) error {
	if len(key) == 0 {
		return errs.New(errs.Unavailable, "signed addresses cannot be checked here; set secret_key")
	}
	a, ok := parseSigned(query)
	if !ok {
		return refused("the address is not signed")
	}
	if subtle.ConstantTimeCompare(a.sum, signature(a.salt, path, a.rest, key)) != 1 {
		return refused("the signature of the address is not right")
	}
	if !now.Before(a.expires) {
		return refused("the signed address has expired; get a new one")
	}
	return nil
}

// signed is a query taken apart: rest is what is signed of it.
type signed struct {
	salt, sum []byte
	rest      string
	expires   time.Time
}

// parseSigned reads a query. The members of the signature are there once and written plainly, or it is none.
func parseSigned(query string) (signed, bool) {
	var rest, tokens, expiries []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err != nil || plain != name {
			return signed{}, false
		}
		if name == tokenName {
			tokens = append(tokens, value)
			continue
		}
		if name == expiryName {
			expiries = append(expiries, value)
		}
		rest = append(rest, part)
	}
	if len(tokens) != 1 || len(expiries) != 1 {
		return signed{}, false
	}
	a := signed{rest: strings.Join(rest, "&")}
	token := strings.Replace(tokens[0], "%3A", ":", 1) // some clients escape the colon
	salt, sum, _ := strings.Cut(token, ":")
	var faults [3]error
	var seconds int64
	a.salt, faults[0] = hex.DecodeString(salt)
	a.sum, faults[1] = hex.DecodeString(sum)
	seconds, faults[2] = strconv.ParseInt(expiries[0], 10, 64)
	a.expires = time.Unix(seconds, 0)
	return a, faults == [3]error{} && len(a.salt) == saltSize && len(a.sum) == sha256.Size
}
