package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one started program.
type process struct {
	name    string
	log     string
	command *exec.Cmd
	// input is the standard input of the program; its end is a message.
	input io.WriteCloser
	// gone is closed when the process has ended.
	gone chan struct{}
}

// startProcess starts a command whose output goes to a file. The kernel ends it when this program dies.
func startProcess(name, log string, c *exec.Cmd, as *syscall.Credential) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = out.Close() }() // the process has its own handle
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = attributes(as)
	input, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log, command: c, input: input, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		_ = c.Wait() // how it ended stands in its state
	}()
	return p, nil
}

// signal sends a signal; that the process is gone already is no news.
func (p *process) signal(s syscall.Signal) { _ = p.command.Process.Signal(s) }

// kill ends the process at once, and its children too: those of PostgreSQL would outlive it for a moment.
func (p *process) kill() {
	children := p.children()
	p.signal(syscall.SIGKILL)
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended with its parent
	}
	<-p.gone
}

// children reads the children that the process has now (proc(5)); elsewhere than on Linux there is nothing to read.
func (p *process) children() (out []int) {
	pid := p.command.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			out = append(out, child)
		}
	}
	return out
}

// ended tells whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// errSlow is the fault of a process that was told to stop and did not.
var errSlow = errors.New("did not stop")

// await waits for the end of the process. One that does not come to it prints the stacks of its goroutines and is
// killed, and that is an error, as is an exit code that is not 0.
func (p *process) await(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.gone:
	case <-timer.C:
		p.signal(syscall.SIGQUIT)
		again := time.NewTimer(5 * time.Second)
		defer again.Stop()
		select {
		case <-p.gone:
		case <-again.C:
			p.kill()
		}
		return fmt.Errorf("%s %w within %s; its log has the stacks", p.name, errSlow, limit)
	}
	if state := p.command.ProcessState; !state.Success() {
		return fmt.Errorf("%s ended with %s although nobody killed it", p.name, state)
	}
	return nil
}

// tail gives the last lines of a log.
func tail(path string, most int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-most):]))
}

// until asks again and again until the answer is yes, the process has ended or the limit has passed. Nil has no
// process.
func until(ctx context.Context, p *process, limit time.Duration, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var gone chan struct{}
	if p != nil {
		gone = p.gone
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-gone:
			return fmt.Errorf("%s ended by itself: %s", p.name, tail(p.log, 2000))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
