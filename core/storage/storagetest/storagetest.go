// Package storagetest is the suite that every storage passes.
//
// The test of a storage is one call:
//
//	func TestStorage(t *testing.T) { storagetest.Run(t, func(t *testing.T) storage.Storage { return newEmpty(t) }) }
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// Run tests the storages that empty makes. Each of them must be empty and unlike the others; empty registers its own
// clean-up. Do not call t.Parallel before: one part measures the memory of the process.
func Run(t *testing.T, empty func(t *testing.T) storage.Storage) {
	t.Helper()
	t.Run("big blob", func(t *testing.T) { bigBlob(t, empty(t)) })
	for name, test := range map[string]func(*testing.T, storage.Storage){
		"round trip":               roundTrip,
		"empty blob":               emptyBlob,
		"ranges":                   ranges,
		"invalid ranges":           invalidRanges,
		"missing key":              missingKey,
		"bad keys":                 badKeys,
		"odd keys":                 oddKeys,
		"replace":                  replace,
		"delete twice":             deleteTwice,
		"list":                     list,
		"list stops":               listStops,
		"cancel":                   cancel,
		"cancel after commit":      cancelAfterCommit,
		"invisible until commit":   invisibleUntilCommit,
		"commit again":             commitAgain,
		"failed reader":            failedReader,
		"canceled context":         canceledContext,
		"concurrent commits":       concurrentCommits,
		"seal":                     seal,
		"gather":                   gather,
		"peek":                     peek,
		"local path":               localPath,
		"patch":                    patch,
		"patch refuses":            patchRefuses,
		"patch with failed reader": patchFailedReader,
		"sign":                     sign,
		"sign refuses":             signRefuses,
		"usage":                    usage,
		"clean":                    clean,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, empty(t))
		})
	}
}

func put(t *testing.T, s storage.Storage, key, content string) {
	t.Helper()
	n, err := storage.Put(t.Context(), s, key, bytes.NewReader([]byte(content)))
	if err != nil || n != int64(len(content)) {
		t.Fatalf("Put(%q) = %d, %v; want %d bytes", key, n, err, len(content))
	}
}

func get(t *testing.T, s storage.Storage, key string, offset, length int64) string {
	t.Helper()
	content, err := read(t.Context(), s, key, offset, length)
	if err != nil {
		t.Fatalf("read %q from %d, %d bytes: %v", key, offset, length, err)
	}
	return content
}

// read is get for other goroutines than the test's own.
func read(ctx context.Context, s storage.Storage, key string, offset, length int64) (string, error) {
	r, err := s.Open(ctx, key, offset, length)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), errors.Join(err, r.Close())
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// want checks the kind of an error; the empty kind means no error.
func want(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if errs.KindOf(err) != kind {
		t.Errorf("%s: got error %q (%v), want %q", what, errs.KindOf(err), err, kind)
	}
}

func keys(t *testing.T, s storage.Storage, prefix string) []string {
	t.Helper()
	found := []string{}
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		found = append(found, info.Key)
	}
	return found
}

func holdsNothing(t *testing.T, s storage.Storage) {
	t.Helper()
	if found := keys(t, s, ""); len(found) != 0 {
		t.Errorf("the storage holds %q, want nothing", found)
	}
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
