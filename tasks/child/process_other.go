//go:build unix && !linux

package child

import (
	"errors"
	"syscall"
)

// attributes puts the child into a group of its own, which signals from a terminal do not reach. That its parent is gone
// it learns from its standard input alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// resident is not known here: what bounds the memory of a child is the effort of its own runtime.
func resident(int) (int64, error) {
	return 0, errors.New("the memory of another process cannot be seen on this system")
}
