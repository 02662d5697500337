package auth

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"pgregory.net/rapid"
)

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h, _ := cheapHasher()
	rapid.Check(t, func(rt *rapid.T) {
		password, other := rapid.String().Draw(rt, "password"), rapid.String().Draw(rt, "other")
		encoded, err := h.Hash(t.Context(), password)
		if err != nil {
			rt.Fatal(err)
		}
		if password != "" && len(password) > 3 && strings.Contains(encoded, password) {
			rt.Fatalf("the hash %q shows the password %q", encoded, password)
		}
		for given, want := range map[string]bool{password: true, other: other == password, password + "x": false} {
			if got, err := h.Verify(t.Context(), encoded, given); got != want || err != nil {
				rt.Fatalf("%q against %q: %v, %v", given, password, got, err)
			}
		}
		if again, _ := h.Hash(t.Context(), password); again == encoded {
			rt.Fatal("two hashes of one password are equal")
		}
	})
}

// The costs and the format are stored in every row: a change of them must be deliberate.

func TestRealHasherWritesThePromisedCosts(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	encoded, err := h.Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got %s", encoded)
	}
	if ok, err := h.Verify(t.Context(), encoded, goodPassword); !ok || err != nil {
		t.Errorf("own hash: %v, %v", ok, err)
	}
	dummy := h.dummy()
	if len(dummy) != len(encoded) || dummy[:31] != encoded[:31] {
		t.Errorf("the dummy %s does not cost what %s costs", dummy, encoded)
	}
	if ok, err := h.Verify(t.Context(), dummy, ""); ok || err != nil {
		t.Errorf("dummy: %v, %v", ok, err)
	}
}

func TestParsePHCRefuses(t *testing.T) {
	t.Parallel()
	salt, key := base64.RawStdEncoding.EncodeToString(make([]byte, 16)), base64.RawStdEncoding.EncodeToString(make([]byte, 32))
	good := "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key
	if _, err := parsePHC(good); err != nil {
		t.Fatal(err)
	}
	h, count := cheapHasher()
	for name, encoded := range map[string]string{
		"empty":          "",
		"other function": strings.Replace(good, "argon2id", "argon2i", 1),
		"other version":  strings.Replace(good, "v=19", "v=16", 1),
		"much memory":    strings.Replace(good, "m=19456", "m=4194304", 1),
		"little memory":  strings.Replace(good, "m=19456", "m=7", 1),
		"no passes":      strings.Replace(good, "t=2", "t=0", 1),
		"many passes":    strings.Replace(good, "t=2", "t=17", 1),
		"no lanes":       strings.Replace(good, "p=1", "p=0", 1),
		"257 lanes":      strings.Replace(good, "p=1", "p=257", 1),
		"leading zero":   strings.Replace(good, "t=2", "t=02", 1),
		"plus sign":      strings.Replace(good, "t=2", "t=+2", 1),
		"order":          strings.Replace(good, "m=19456,t=2", "t=2,m=19456", 1),
		"more costs":     strings.Replace(good, "p=1", "p=1,x=1", 1),
		"short salt":     strings.Replace(good, salt, "AAAA", 1),
		"no key":         strings.TrimSuffix(good, key),
		"padding":        good + "=",
		"line break":     good[:len(good)-4] + "\n" + good[len(good)-4:],
		"one part more":  good + "$",
		"space":          good + " ",
	} {
		ok, err := h.Verify(t.Context(), encoded, goodPassword)
		if ok || !errs.Is(err, errs.Internal) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if err != nil && len(encoded) > 20 && strings.Contains(err.Error(), key[:10]) {
			t.Errorf("%s: the error quotes the hash: %v", name, err)
		}
	}
	if count.Load() != 0 {
		t.Errorf("%d hashes were computed on the word of bad strings", count.Load())
	}
}

func FuzzPHC(f *testing.F) {
	h, _ := cheapHasher()
	f.Add(h.dummy())
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(text)
		if err != nil {
			return
		}
		if p.String() != text {
			t.Fatalf("%q was read as %q", text, p)
		}
		if p.memory > maxMemory || p.passes > maxPasses || p.lanes > maxLanes || p.memory < 8*uint32(p.lanes) || p.passes < 1 || p.lanes < 1 {
			t.Fatalf("costs out of bounds in %q", text)
		}
	})
}
