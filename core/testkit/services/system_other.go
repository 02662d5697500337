//go:build unix && !linux

package main

import "syscall"

// serverAttributes puts a server in a process group of its own; only Linux can also end it with this program.
func serverAttributes(user *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user}
}

// probeAttributes trusts the file system where the system call differs.
func probeAttributes(string) error { return nil }
