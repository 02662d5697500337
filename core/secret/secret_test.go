package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
	"pgregory.net/rapid"
)

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

func box(t testing.TB, keys ...[]byte) *secret.Box {
	t.Helper()
	b, err := secret.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTripAndTampering(t *testing.T) {
	t.Parallel()
	b := box(t, key(1))
	rapid.Check(t, func(t *rapid.T) {
		purpose := rapid.StringN(1, 20, -1).Draw(t, "purpose")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := b.Seal(purpose, plain)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := b.Open(purpose, sealed)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %x, %v; want %x", opened, err, plain)
		}
		if _, err := b.Open(purpose+"x", sealed); err == nil {
			t.Fatal("opened for another purpose")
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := b.Open(purpose, sealed); err == nil {
			t.Fatalf("opened with a flipped bit in byte %d", at)
		}
		if _, err := b.Open(purpose, sealed[:at]); err == nil {
			t.Fatalf("opened when cut to %d bytes", at)
		}
	})
}

func TestSealIsNotDeterministicAndHidesTheSecret(t *testing.T) {
	t.Parallel()
	b := box(t, key(1))
	one, _ := b.Seal("p", []byte("correct horse"))
	two, _ := b.Seal("p", []byte("correct horse"))
	if bytes.Equal(one, two) || bytes.Contains(one, []byte("correct")) {
		t.Fatalf("sealed values are equal or in the clear: %q %q", one, two)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before, both, after := box(t, key(1)), box(t, key(2), key(1)), box(t, key(2))
	sealed, _ := before.Seal("p", []byte("s"))
	if got, err := both.Open("p", sealed); err != nil || string(got) != "s" {
		t.Fatalf("the older key does not open: %q %v", got, err)
	}
	again, _ := both.Seal("p", []byte("s"))
	if _, err := after.Open("p", again); err != nil {
		t.Fatalf("the first key did not seal: %v", err)
	}
	if _, err := after.Open("p", sealed); !errors.Is(err, secret.ErrUnknownKey) {
		t.Fatalf("want ErrUnknownKey, got %v", err)
	}
}

func TestZeroBoxAndEmptyPurposeRefuse(t *testing.T) {
	t.Parallel()
	sealed, _ := box(t, key(1)).Seal("p", nil)
	for name, try := range map[string]func() ([]byte, error){
		"seal with zero box":     func() ([]byte, error) { return secret.Box{}.Seal("p", nil) },
		"open with zero box":     func() ([]byte, error) { return secret.Box{}.Open("p", sealed) },
		"seal without purpose":   func() ([]byte, error) { return box(t, key(1)).Seal("", nil) },
		"open without purpose":   func() ([]byte, error) { return box(t, key(1)).Open("", sealed) },
		"open of nothing":        func() ([]byte, error) { return box(t, key(1)).Open("p", nil) },
		"open of another format": func() ([]byte, error) { return box(t, key(1)).Open("p", append([]byte{2}, sealed[1:]...)) },
	} {
		if got, err := try(); err == nil || got != nil {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][][]byte{
		"none": {}, "short": {key(1)[:31]}, "long": {append(key(1), 1)}, "twice": {key(1), key(2), key(1)}, "nil": {nil},
	} {
		if _, err := secret.New(keys...); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	one, two := base64.StdEncoding.EncodeToString(key(1)), base64.StdEncoding.EncodeToString(key(2))
	for name, c := range map[string]struct {
		text string
		keys int
		ok   bool
	}{
		"one":              {one, 1, true},
		"comments, blanks": {"# head\n\n  " + one + "\r\n\t\n#" + two + "\n" + two + "\n", 2, true},
		"empty":            {"", 0, true},
		"words":            {one + "\nnot a key\n", 0, false},
		"trailing words":   {one + " # mine", 0, false},
		"without padding":  {strings.TrimRight(one, "="), 0, false},
		"url alphabet":     {base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 32)), 0, false},
		"short":            {base64.StdEncoding.EncodeToString(key(1)[:16]), 0, false},
		"bits after end":   {one[:42] + "R=", 0, false},
		"too long":         {strings.Repeat("A", 70<<10), 0, false},
	} {
		keys, err := secret.Parse([]byte(c.text))
		if (err == nil) != c.ok || len(keys) != c.keys {
			t.Errorf("%s: got %d keys, %v", name, len(keys), err)
		}
		if err != nil && (strings.Contains(err.Error(), one) || strings.Contains(err.Error(), "not a key")) {
			t.Errorf("%s: the error quotes the line: %v", name, err)
		}
	}
}

func TestLoadOrCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := secret.Load(path); !errs.Is(err, errs.NotFound) {
		t.Fatalf("want NotFound, got %v", err)
	}
	boxes := make([]*secret.Box, 8)
	var all sync.WaitGroup
	for i := range boxes {
		all.Go(func() {
			b, err := secret.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			boxes[i] = b
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	sealed, _ := boxes[0].Seal("p", []byte("s"))
	for i, b := range boxes {
		if _, err := b.Open("p", sealed); err != nil {
			t.Errorf("process %d has another key: %v", i, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadRefusesLooseFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := []byte(base64.StdEncoding.EncodeToString(key(1)) + "\n")
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o604: false, 0o602: false, 0o660: false, 0o777: false} {
		path := filepath.Join(folder, fmt.Sprintf("%o", mode))
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		for name, load := range map[string]func(string) (*secret.Box, error){"Load": secret.Load, "LoadOrCreate": secret.LoadOrCreate} {
			if _, err := load(path); (err == nil) != ok {
				t.Errorf("%s, mode %o: %v", name, mode, err)
			}
		}
	}
	if _, err := secret.LoadOrCreate(folder); err == nil {
		t.Error("a folder was taken for a key file")
	}
	empty := filepath.Join(folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadOrCreate(empty); err == nil {
		t.Error("an empty key file was taken, or overwritten")
	}
	huge := filepath.Join(folder, "huge")
	if err := os.WriteFile(huge, bytes.Repeat([]byte("#\n"), 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Load(huge); err == nil {
		t.Error("a huge file was taken for a key file")
	}
}

func TestNeverPrinted(t *testing.T) {
	t.Parallel()
	raw := []byte("abcdefghijklmnopqrstuvwxyz012345")
	b := box(t, raw)
	type outer struct {
		Public  secret.Box
		private secret.Box
		pointer *secret.Box
	}
	holder := outer{*b, *b, b}
	var logs bytes.Buffer
	slog.New(slog.NewJSONHandler(&logs, nil)).Info("x", "box", b, "value", *b, "holder", holder)
	slog.New(slog.NewTextHandler(&logs, nil)).Info("x", "box", b, "value", *b, "holder", holder)
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out := logs.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out += fmt.Sprintf(verb+verb+verb+verb, b, *b, holder, &holder)
	}
	hexed, spaced := fmt.Sprintf("%x", raw[:6]), strings.Trim(fmt.Sprint(raw[:6]), "[]")
	for _, leak := range []string{string(raw[:6]), hexed, spaced, base64.StdEncoding.EncodeToString(raw)[:8], "gcm", "aes"} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(leak)) {
			t.Errorf("printed %q in %s", leak, out)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, key(1), key(2))
	sealed, _ := b.Seal("p", []byte("known"))
	f.Add(sealed)
	f.Add([]byte{1})
	f.Add(sealed[:9])
	f.Fuzz(func(t *testing.T, given []byte) {
		got, err := b.Open("p", given)
		if err == nil && string(got) != "known" || err != nil && got != nil {
			t.Fatalf("opened %q of %x: %v", got, given, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# x\n" + base64.StdEncoding.EncodeToString(key(1)) + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := secret.Parse(text)
		for _, k := range keys {
			if err != nil || len(k) != 32 || !bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString(k))) {
				t.Fatalf("parsed %x, %v", k, err)
			}
		}
	})
}
