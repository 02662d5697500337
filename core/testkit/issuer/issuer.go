// Package issuer gives tests an OpenID Connect issuer on loopback whose tokens say whatever the test wants. Only tests
// import it.
package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer with one key at a time.
type Issuer struct {
	// URL is the issuer as its tokens name it.
	URL string

	t       testing.TB
	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	id      string
	down    bool
	fetches map[string]int
	next    string
	info    string
}

// New starts an issuer that stops with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, fetches: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Rotate()
	return i
}

// Rotate replaces the key; tokens of the old one do not verify any more.
func (i *Issuer) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.id = key, rand.Text()
}

// Down makes the issuer fail, or answer again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Fetches tells how often a path was asked for.
func (i *Issuer) Fetches(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches[path]
}

// Gives sets the ID token that the token endpoint answers with, for whatever code, and what the userinfo endpoint says.
func (i *Issuer) Gives(idToken, userInfo string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next, i.info = idToken, userInfo
}

// Claims are good claims for the audience at the time, changed by those that are given; nil takes one away.
func (i *Issuer) Claims(audience string, now time.Time, changes map[string]any) map[string]any {
	claims := map[string]any{"iss": i.URL, "sub": "subject", "aud": audience, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Sign makes a token of claims with the present key.
func (i *Issuer) Sign(claims map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	key := jose.JSONWebKey{Key: i.key, KeyID: i.id}
	i.mu.Unlock()
	return i.SignWith(jose.ES256, key, claims)
}

// KeyID names the present key.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.id
}

// SignWith makes a token with any key and algorithm.
func (i *Issuer) SignWith(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	i.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches[r.URL.Path]++
	if i.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"jwks_uri": i.URL + "/keys", "userinfo_endpoint": i.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"}}
	case "/keys":
		answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: i.id, Use: "sig"}}}
	case "/token":
		answer = map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": i.next}
	case "/userinfo":
		_, _ = w.Write([]byte(i.info))
		return
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // a client that left needs no answer
}
