package main

import "syscall"

// serverAttributes puts a server in a process group of its own, so that a terminal's interrupt does not end it
// before the tests, and lets the kernel end it when this program dies in whatever way.
func serverAttributes(user *syscall.Credential, quit syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: quit, Credential: user}
}

// probeAttributes tries whether a file can carry user attributes.
func probeAttributes(path string) error {
	return syscall.Setxattr(path, "user.packhouse", []byte("probe"), 0)
}
