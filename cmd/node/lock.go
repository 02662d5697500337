package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
)

// lockName is the file in the data folder that `packhouse serve` locks; it holds the number of the process.
const lockName = "serve.lock"

// lockFolder makes this process the only one that serves from the folder. The kernel gives the lock back when the process
// ends, however it ends, so a file that is left over locks nobody out. A folder that is in use is errs.Conflict.
func lockFolder(dir string) (release func() error, err error) {
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, errs.New(errs.Invalid, "lock the data folder, check that this user may write to %s: %w", dir, err)
	}
	if err := take(file, dir); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := sign(file); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), file.Close())
	}
	// The file stays: removing it would let two processes lock two files of one name.
	return file.Close, nil
}

func take(file *os.File, dir string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errs.New(errs.Conflict, "the data folder %s is in use by packhouse serve%s; stop that one, or give this one another folder with --data", dir, holder(file))
	}
	if err != nil {
		return errs.New(errs.Invalid, "the data folder %s cannot be locked, its file system does not know locks; use a folder on a local disk: %w", dir, err)
	}
	return nil
}

// holder names the process that has the lock, as far as its file tells.
func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	pid := strings.TrimSpace(string(text))
	if _, wrong := strconv.Atoi(pid); err != nil || wrong != nil {
		return ""
	}
	return ", process " + pid
}

func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
