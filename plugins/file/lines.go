package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/packhouse/packhouse/core/db"
)

// lines are the lines of a manifest as hashes, in order. What is among those of the last sync need not be looked up in
// the database, so a sync costs what changed. They are kept for manifests of up to mostLines only, to bound memory.
type lines []lineHash

// lineHash is the beginning of the SHA-256 of a line's parts.
type lineHash [16]byte

// mostLines bounds the memory for hashes, 16 bytes each.
const mostLines = 1_000_000

func (l line) hash() lineHash {
	text := make([]byte, 0, 256)
	text = append(append(append(text, l.path...), 0), l.sha256...)
	text = strconv.AppendInt(append(text, 0), l.size, 10)
	sum := sha256.Sum256(text)
	return lineHash(sum[:len(lineHash{})])
}

// linesOf reads the lines of a manifest; nil when they are too many, or when a path has two of them: then the order
// counts, which hashes do not tell.
func linesOf(r io.Reader) (lines, error) {
	var all, paths lines
	for l, err := range readManifest(r) {
		if err != nil {
			return nil, err
		}
		if len(all) == mostLines {
			return nil, nil
		}
		all, paths = append(all, l.hash()), append(paths, line{path: l.path}.hash())
	}
	all.sort()
	paths.sort()
	if all = slices.Compact(all); len(all) != len(slices.Compact(paths)) {
		return nil, nil
	}
	return all, nil
}

func (l lines) sort() { slices.SortFunc(l, compareHashes) }

func compareHashes(a, b lineHash) int { return bytes.Compare(a[:], b[:]) }

// has tells whether a line is among them.
func (l lines) has(one line) bool {
	_, found := slices.BinarySearchFunc(l, one.hash(), compareHashes)
	return found
}

// loadLines gives the lines of the last sync; none when they were not kept.
func (s *sync) loadLines(ctx context.Context) (lines, error) {
	var found [][]byte
	err := s.run.DB().Read(ctx).Raw("SELECT lines FROM file_synced_lines WHERE repository_id = ?", s.repo.ID).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	const size = len(lineHash{})
	known := make(lines, 0, len(found[0])/size)
	for piece := range slices.Chunk(found[0], size) {
		if len(piece) == size {
			known = append(known, lineHash(piece))
		}
	}
	return known, nil
}

// keepLines keeps the lines that the newest version was synced from, or forgets those of before.
func (s *sync) keepLines(tx *db.Tx, now lines) error {
	if err := tx.Exec("DELETE FROM file_synced_lines WHERE repository_id = ?", s.repo.ID).Error; err != nil || now == nil {
		return err
	}
	raw := make([]byte, 0, len(now)*len(lineHash{}))
	for _, h := range now {
		raw = append(raw, h[:]...)
	}
	if err := tx.Exec("INSERT INTO file_synced_lines (repository_id, lines) VALUES (?, ?)", s.repo.ID, raw).Error; err != nil {
		return fmt.Errorf("keep what was synced: %w", err)
	}
	return nil
}
