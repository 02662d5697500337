package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// workspacePrefix starts the name of every directory of this program.
const workspacePrefix = "packhouse-services-"

// workspace is the temporary directory of one run. Its lock is held as long as the run lives, so that a later run
// can tell the leftovers of a crash from a run beside it.
type workspace struct {
	path string
	lock *os.File
}

// newWorkspace removes what crashed runs left and makes a fresh directory where the servers can work.
func newWorkspace() (*workspace, error) {
	root, err := workspaceRoot(slices.Compact([]string{os.TempDir(), "/tmp", "/var/tmp"}))
	if err != nil {
		return nil, err
	}
	removeLeftovers(root)
	path, err := os.MkdirTemp(root, workspacePrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the servers: %w", err)
	}
	// PostgreSQL runs as another user and has to reach its data below.
	if err := os.Chmod(path, 0o755); err != nil {
		return nil, fmt.Errorf("open %s to the server users: %w", path, err)
	}
	lock, err := lockFile(filepath.Join(path, "lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return &workspace{path: path, lock: lock}, nil
}

// remove deletes the directory and then lets go of the lock.
func (w *workspace) remove() {
	if err := os.RemoveAll(w.path); err != nil {
		say("could not remove %s, remove it by hand: %v", w.path, err)
	}
	_ = w.lock.Close()
}

// workspaceRoot picks the first directory that every user can reach and whose file system keeps user attributes,
// which the S3 gateway needs.
func workspaceRoot(candidates []string) (string, error) {
	var faults []error
	for _, dir := range candidates {
		if err := suitable(dir); err != nil {
			faults = append(faults, err)
			continue
		}
		return dir, nil
	}
	return "", fmt.Errorf("no temporary directory suits the servers, set TMPDIR to one on a local file system: %w",
		errors.Join(faults...))
}

// suitable says what keeps the servers from working below dir.
func suitable(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if os.Getuid() == 0 && info.Mode()&0o001 == 0 {
			return fmt.Errorf("%s cannot be entered by the user postgres", at)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	probe, err := os.CreateTemp(dir, workspacePrefix+"probe-")
	if err != nil {
		return err
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	if err := probeAttributes(probe.Name()); err != nil {
		return fmt.Errorf("%s keeps no user attributes: %w", dir, err)
	}
	return nil
}

// removeLeftovers removes directories whose run is gone. Their servers are gone too: the kernel ends them with
// the run that started them.
func removeLeftovers(root string) {
	found, _ := filepath.Glob(filepath.Join(root, workspacePrefix+"*")) // the pattern is well-formed
	for _, dir := range found {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a probe, or a run that is just being set up
		}
		if err != nil {
			say("leaving %s alone: %v", dir, err)
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			say("removing %s, left by a run that crashed", dir)
			if err := os.RemoveAll(dir); err != nil {
				say("could not remove %s: %v", dir, err)
			}
		}
		_ = lock.Close()
	}
}

// lockFile opens a file, making it when needed, and waits for its lock; closing it lets go of the lock.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
