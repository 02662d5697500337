package secret

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// maxKeyFile bounds what is read, in bytes, should the path name something else.
const maxKeyFile = 64 << 10

// Load reads a key file: one key a line, in standard base64 of 32 bytes, the sealing key first; blank lines and lines
// that start with # are passed over, anything else is an error that names the line and never its text. A file that
// others than owner and group may touch, or that the group may write, is refused. A missing file is NotFound.
func Load(path string) (*Box, error) {
	l, err := loadLive(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "read the key file: %w; restore it from the backup, without it stored secrets cannot be opened", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key file %s: %w", path, err)
	}
	return &Box{l}, nil
}

// LoadOrCreate is Load, save that a missing file is first made, with one new key and mode 0600. Two processes that
// start at once end with the same key. It is for the first start: where a database with sealed values exists already,
// use Load, for a new key cannot open what a lost one sealed.
func LoadOrCreate(path string) (*Box, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make the key file: %w", err)
	}
	return Load(path)
}

// Parse reads the text of a key file and gives its keys, the sealing one first.
func Parse(text []byte) ([][]byte, error) {
	var keys [][]byte
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxKeyFile+1)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(key) != keySize {
			// The decoder's own error would quote a character of the key.
			return nil, errs.New(errs.Invalid, "line %d is not base64 of %d bytes; write a key there, a comment after #, or nothing", number, keySize)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, errs.New(errs.Invalid, "a line is too long; write one key a line")
	}
	return keys, nil
}

// read gives the text of a file that is fit to hold keys, and its state.
func read(path string) ([]byte, fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	// The open file is asked, not the path, so that what is checked is what is read.
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := refuse(path, info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(text) > maxKeyFile {
		return nil, nil, errs.New(errs.Invalid, "%s is larger than a key file can be; check the setting of its path", path)
	}
	return text, info, nil
}

func refuse(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errs.New(errs.Invalid, "%s is not a file; check the setting of its path", path)
	}
	if loose := info.Mode().Perm() & 0o027; loose != 0 {
		return errs.New(errs.Invalid, "%s has mode %04o, others could read or change the keys; run: chmod 0600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// create writes beside the path and links into place: the file is never seen half written, and of two processes that
// start at once the second finds the key of the first.
func create(path string) error {
	folder := filepath.Dir(path)
	// CreateTemp makes the file with mode 0600.
	side, err := os.CreateTemp(folder, ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(side.Name())
	text := fmt.Sprintf("# Keys of Packhouse, one a line: the first seals, all open. Keep a copy in a safe place.\n%s\n",
		base64.StdEncoding.EncodeToString(newKey()))
	_, err = side.WriteString(text)
	if err = errors.Join(err, side.Sync(), side.Close()); err != nil {
		return err
	}
	if err := os.Link(side.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; write the file yourself: 32 random bytes in base64, mode 0600", err)
	}
	return syncFolder(folder)
}

// syncFolder makes the new name outlive a power cut: a secret sealed with a key that is gone is lost.
func syncFolder(folder string) error {
	open, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(open.Sync(), open.Close())
}
