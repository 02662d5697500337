package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

func mustKey(t testing.TB, secret string) []byte {
	t.Helper()
	key, err := SigningKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignedAddresses(t *testing.T) {
	t.Parallel()
	const path = "/pulp/content/a/b%20c%3F"
	key, now := mustKey(t, strings.Repeat("s", 32)), time.Unix(1_800_000_000, 0)
	address, err := Sign(key, path, "x=1&y=%26", now)
	if err != nil {
		t.Fatal(err)
	}
	before, query, _ := strings.Cut(address, "?")
	if before != path || !strings.HasPrefix(query, "x=1&y=%26&expires=1800003600&validate_token=") {
		t.Fatalf("%s", address)
	}
	token := query[strings.Index(query, "&validate_token="):]
	rest := strings.TrimSuffix(query, token)
	ask := func(key []byte, path, query string, after time.Duration) error {
		return checkSigned(key, path, query, now.Add(after))
	}
	for name, err := range map[string]error{
		"as it is":                       ask(key, path, query, 0),
		"at the last second":             ask(key, path, query, time.Hour-time.Second),
		"with the token first":           ask(key, path, token[1:]+"&"+rest, 0),
		"with the token's colon escaped": ask(key, path, strings.Replace(query, ":", "%3A", 1), 0),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"after an hour":             ask(key, path, query, time.Hour),
		"another path":              ask(key, path+"x", query, 0),
		"a folder":                  ask(key, path+"/", query, 0),
		"the path in another form":  ask(key, "/pulp/content/a/b c?", query, 0),
		"another key":               ask(mustKey(t, strings.Repeat("t", 32)), path, query, 0),
		"a longer time":             ask(key, path, strings.Replace(query, "1800003600", "1900003600", 1), 0),
		"a second time":             ask(key, path, query+"&expires=1900003600", 0),
		"a hidden second time":      ask(key, path, query+"&%65xpires=1900003600", 0),
		"a second token":            ask(key, path, query+token, 0),
		"more in the query":         ask(key, path, query+"&z=1", 0),
		"less in the query":         ask(key, path, strings.Replace(query, "x=1&", "", 1), 0),
		"another order":             ask(key, path, strings.Replace(query, "x=1&y=%26", "y=%26&x=1", 1), 0),
		"no token":                  ask(key, path, rest, 0),
		"an empty token":            ask(key, path, rest+"&validate_token=", 0),
		"a token of the empty salt": ask(key, path, rest+"&validate_token=:"+token[len(token)-64:], 0),
		"a shorter sum":             ask(key, path, query[:len(query)-2], 0),
		"no time":                   ask(key, path, strings.Replace(query, "expires=1800003600&", "", 1), 0),
		"a time that is no number":  ask(key, path, strings.Replace(query, "1800003600", "1e99", 1), 0),
		"nothing":                   ask(key, path, "", 0),
	} {
		if !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ask(nil, path, query, 0); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := Sign(nil, path, "", now); !errs.Is(err, errs.Unavailable) {
		t.Errorf("sign without a key: %v", err)
	}
}

// FuzzSigned: nothing but what was signed is let through.
func FuzzSigned(f *testing.F) {
	key, now := mustKey(f, strings.Repeat("s", 32)), time.Unix(1_800_000_000, 0)
	address, err := Sign(key, "/a", "", now)
	if err != nil {
		f.Fatal(err)
	}
	_, good, _ := strings.Cut(address, "?")
	for _, seed := range []string{good, "", "expires=1&validate_token=00:00", "validate_token=a:b:c&expires=-1", "%", "&&=&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if err := checkSigned(key, "/a", query, now); err == nil && strings.ReplaceAll(strings.ToLower(query), "%3a", ":") != good {
			a, _ := parseSigned(query)
			if want, _ := parseSigned(good); a.rest != want.rest {
				t.Fatalf("%q passed", query)
			}
		}
	})
}
