package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// FlowLife is how long somebody may take to log in at the provider.
const FlowLife = 10 * time.Minute

// flow is one log-in on its way, kept in a cookie of the browser that began it: nobody else can finish it.
type flow struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Callback string    `json:"c"`
	Next     string    `json:"x"`
	Ends     time.Time `json:"e"`
}

// sealer makes cookies that their owner can neither read nor change: the verifier of PKCE is in them.
type sealer struct{ aead cipher.AEAD }

// newSealer derives its key from the secret that all processes share.
func newSealer(secret string) sealer {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("packhouse oidc log-in cookie"))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic("a key of 32 bytes is refused: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("AES has no GCM: " + err.Error())
	}
	return sealer{aead}
}

func (s sealer) seal(f flow) (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)), nil
}

// open gives the flow of a cookie. Whatever is wrong with it, the way out is the same: begin again.
func (s sealer) open(cookie, provider string, now time.Time) (*flow, error) {
	again := errs.New(errs.Forbidden, "The log-in took too long, was finished already or began in another browser; begin again.")
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil || cookie == "" {
		return nil, again
	}
	text, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, again
	}
	f := new(flow)
	if err := json.Unmarshal(text, f); err != nil || f.Provider != provider || f.State == "" || !now.Before(f.Ends) {
		return nil, again
	}
	return f, nil
}

// secretText is 256 random bits in characters of addresses.
func secretText() string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(bits)
}

// localPath gives where to go after the log-in, "/" when nobody said. It must be a path of this server: anything that a
// browser could take for an address elsewhere is Invalid.
func localPath(next string) (string, error) {
	if next == "" {
		return "/", nil
	}
	strange := strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || r == 0xfffd })
	u, err := url.Parse(next)
	if strange || err != nil || len(next) > 2000 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || u.Scheme != "" || u.Host != "" {
		return "", errs.Field("next", "Where to go after the log-in must be a path of this server, such as /pulp/api/v3/.")
	}
	return next, nil
}
