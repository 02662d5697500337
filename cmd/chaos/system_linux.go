package main

import "syscall"

// attributes lets the kernel end a process when this program dies in whatever way, and keeps a terminal's interrupt
// from it.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: as}
}
