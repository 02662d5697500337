package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The peers of writing: what the same disk and processors do with the same bytes, digests and syncs, without a server.

// digests are those that a server computes unless told otherwise.
func digests() []hash.Hash {
	return []hash.Hash{sha256.New224(), sha256.New(), sha512.New384(), sha512.New()}
}

// writeSmall writes count files of the size as a careful program does: digests, temporary file, sync, rename, sync of
// the folder; it gives files in a second.
func writeSmall(ctx context.Context, dir string, clients, count, size int) (float64, error) {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for range clients {
		group.Go(func() error {
			data := make([]byte, size)
			for n := next.Add(1); n <= int64(count) && ctx.Err() == nil; n = next.Add(1) {
				_, _ = rand.Read(data) // never fails
				for _, h := range digests() {
					h.Write(data)
				}
				if err := keep(dir, fmt.Sprintf("f%d", n), data); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return float64(count) / time.Since(begin).Seconds(), err
}

func keep(dir, name string, data []byte) error {
	folder := filepath.Join(dir, name[len(name)-1:])
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	temporary := filepath.Join(dir, name)
	if err := writeSynced(temporary, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(folder, name)); err != nil {
		return err
	}
	return syncFolder(folder)
}

func writeSynced(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// hashedPiece is how much each digest takes at once in writeBig.
const hashedPiece = 1 << 20

// writeBig writes one file of size bytes taken from data again and again: each digest in a goroutine of its own beside
// the writing, then a sync. It gives bytes in a second and removes the file.
func writeBig(dir string, data []byte, size int64) (float64, error) {
	path := filepath.Join(dir, "big")
	begin := time.Now()
	var all sync.WaitGroup
	for _, h := range digests() {
		all.Go(func() { _ = repeat(h, data, size) }) // a hash never fails
	}
	err := writeSynced(path, func(w io.Writer) error { return repeat(w, data, size) })
	all.Wait()
	took := time.Since(begin).Seconds()
	return float64(size) / took, errors.Join(err, os.Remove(path), syncFolder(dir))
}

// repeat writes data again and again until there are size bytes.
func repeat(w io.Writer, data []byte, size int64) error {
	for size > 0 {
		for at := 0; at < len(data) && size > 0; at += hashedPiece {
			piece := data[at:min(at+hashedPiece, len(data))]
			piece = piece[:min(int64(len(piece)), size)]
			if _, err := w.Write(piece); err != nil {
				return err
			}
			size -= int64(len(piece))
		}
	}
	return nil
}
