package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long a process may take to end before it is killed.
const stopWithin = 20 * time.Second

// process is a started program.
type process struct {
	name    string
	command *exec.Cmd
	log     string
	gone    chan struct{}
}

// startProcess starts a program with just the given environment; its output goes to a file of the folder.
func startProcess(dir, name string, environment []string, args ...string) (*process, error) {
	return startWith(dir, name, environment, func(*exec.Cmd) {}, args...)
}

// startWith is startProcess with a last word about the command, such as that its output goes elsewhere.
func startWith(dir, name string, environment []string, last func(*exec.Cmd), args ...string) (*process, error) {
	log := filepath.Join(dir, name+".log")
	out, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = out.Close() }()      // the process has its own handle
	c := exec.Command(args[0], args[1:]...) //nolint:noctx // stop ends it, when what is measured is done
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, environment, out, out
	// Should this program be killed, its children go with it.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	last(c)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, command: c, log: log, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		_ = c.Wait() // how it ended stands in its log
	}()
	return p, nil
}

// stop ends the process and waits for the end.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // fails only when it is gone already
	limit := time.NewTimer(stopWithin)
	defer limit.Stop()
	select {
	case <-p.gone:
		return nil
	case <-limit.C:
	}
	_ = p.command.Process.Kill()
	<-p.gone
	return fmt.Errorf("%s did not stop within %s and was killed", p.name, stopWithin)
}

// until asks ready again and again until it says yes; the end of the process ends the waiting.
func (p *process) until(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !ready() {
		select {
		case <-look.C:
		case <-p.gone:
			return fmt.Errorf("%s ended by itself; its log ends:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; its log ends:\n%s", p.name, ctx.Err(), p.tail())
		}
	}
	return nil
}

func (p *process) tail() []byte {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-most):])
}

// memory reads a line of /proc/PID/status (proc(5)), VmRSS now or VmHWM at its highest, in MiB.
func (p *process) memory(key string) (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == key+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("the status of " + p.name + " has no " + key)
}

// sparePort finds a loopback port that nobody listens on now.
func sparePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a spare port: %w", err)
	}
	defer func() { _ = l.Close() }() // nobody has connected
	return l.Addr().String(), nil
}

// listens tells whether somebody takes connections.
func listens(ctx context.Context, address string) bool {
	w, err := dial(ctx, address)
	if err != nil {
		return false
	}
	w.close()
	return true
}
