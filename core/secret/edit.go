package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
)

// Add puts a new key at the end of a key file, where it opens and does not seal, and gives its id.
func Add(path string) (id string, err error) {
	key := newKey()
	err = edit(path, func(lines []line) ([]line, error) {
		return append(lines, line{base64.StdEncoding.EncodeToString(key), identify(key).String()}), nil
	})
	return identify(key).String(), err
}

// Promote puts a key of the file before the others, so that it seals.
func Promote(path, id string) error {
	return edit(path, func(lines []line) ([]line, error) {
		at, err := find(lines, id)
		if err != nil {
			return nil, err
		}
		first := slices.IndexFunc(lines, func(l line) bool { return l.id != "" })
		chosen := lines[at]
		lines = slices.Delete(lines, at, at+1)
		return slices.Insert(lines, first, chosen), nil
	})
}

// Remove takes a key out of the file. The first one, which seals, stays; whether anything is sealed with another one is
// for the caller to find out.
func Remove(path, id string) error { return edit(path, without(id)) }

func without(id string) func([]line) ([]line, error) {
	return func(lines []line) ([]line, error) {
		at, err := find(lines, id)
		if err != nil {
			return nil, err
		}
		if at == slices.IndexFunc(lines, func(l line) bool { return l.id != "" }) {
			return nil, errs.New(errs.Conflict, "the key %s seals; promote another one first", id)
		}
		return slices.Delete(lines, at, at+1), nil
	}
}

// RemoveIf is Remove that asks sure, once the key is out, whether it may stay out. An error of sure puts the file back as
// it was. Meanwhile the old file is kept beside it with ".before" after its name, so that a crash loses no key.
func RemoveIf(path, id string, sure func() error) error {
	return underLock(path, func(info fs.FileInfo) error {
		before, _, err := read(path)
		if err != nil {
			return err
		}
		kept := path + ".before"
		if err := writeFile(kept, before, info); err != nil {
			return err
		}
		err = editLocked(path, info, without(id))
		if err == nil {
			if err = sure(); err != nil {
				err = errors.Join(err, writeFile(path, before, info))
			}
		}
		return errors.Join(err, os.Remove(kept))
	})
}

// line is one line of a key file; id is empty for comments and blank lines.
type line struct{ text, id string }

func find(lines []line, id string) (int, error) {
	at := slices.IndexFunc(lines, func(l line) bool { return l.id == id })
	if at < 0 || id == "" {
		return 0, errs.New(errs.NotFound, "no key of the file has the id %q; packhouse keys list shows them", id)
	}
	return at, nil
}

// edit changes the lines of a key file. Editors take turns, and readers see the old file or the new one, never a part.
func edit(path string, change func([]line) ([]line, error)) error {
	return underLock(path, func(info fs.FileInfo) error { return editLocked(path, info, change) })
}

func editLocked(path string, info fs.FileInfo, change func([]line) ([]line, error)) error {
	text, _, err := read(path)
	if err != nil {
		return err
	}
	lines, err := split(text)
	if err != nil {
		return err
	}
	if lines, err = change(lines); err != nil {
		return err
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	keys, err := Parse([]byte(b.String()))
	if err == nil {
		_, err = newRing(keys)
	}
	if err != nil {
		return err
	}
	return writeFile(path, []byte(b.String()), info)
}

func split(text []byte) ([]line, error) {
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	var lines []line
	for raw := range strings.Lines(string(text)) {
		l := line{text: strings.TrimRight(raw, "\r\n")}
		keys, err := Parse([]byte(l.text))
		if err != nil {
			return nil, err
		}
		if len(keys) == 1 {
			l.id = identify(keys[0]).String()
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// underLock runs work while no other editor of the folder's key files does. The folder is locked, not the file, since the
// file is replaced.
func underLock(path string, work func(info fs.FileInfo) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("change the key file %s: %w", path, err)
		}
	}()
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }() // which gives the lock back
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errs.New(errs.Invalid, "it is a link or no file; name the file itself in db_encryption_key")
	}
	return work(info)
}

// writeFile puts a complete file in the place of what was there, with mode and owner of old.
func writeFile(path string, text []byte, old fs.FileInfo) error {
	side, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(side.Name())
	_, err = side.Write(text)
	if system, ok := old.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && err == nil {
		err = side.Chown(int(system.Uid), int(system.Gid))
	}
	if err = errors.Join(err, side.Chmod(old.Mode().Perm()), side.Sync(), side.Close()); err != nil {
		return err
	}
	if err := os.Rename(side.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
