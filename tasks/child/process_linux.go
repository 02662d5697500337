package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// attributes puts the child into a group of its own, which signals from a terminal do not reach, and has the kernel end
// it with its parent.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// resident is the memory that only the process has, in bytes: what it has written, also when that is swapped out. Pages
// of files do not count, they can be had again.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("look at the memory of a process: %w", err)
	}
	return memoryOf(text), nil
}

// memoryOf adds up lines such as "RssAnon:	    1234 kB" (proc_pid_status(5)).
func memoryOf(status []byte) (sum int64) {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "RssAnon", "RssShmem", "VmSwap":
			number, _ := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
			if n, err := strconv.ParseInt(string(number), 10, 64); err == nil {
				sum += n << 10
			}
		}
	}
	return sum
}
