//go:build unix

package listen

import "syscall"

// Files is how many files this process may have open. The Go runtime has raised it to what the system allows.
func Files() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 2 * mostSensible
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed elsewhere
}
