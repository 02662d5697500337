//go:build unix && !linux

package main

import "syscall"

// attributes keeps a terminal's interrupt from a process; only Linux can also end it with this program.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
