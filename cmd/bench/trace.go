package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// watch counts how the bytes of one download leave the process that serves it.
func (s *shop) watch(ctx context.Context) error {
	program, err := exec.LookPath("strace")
	if err != nil {
		return errors.New("strace is not installed, so nobody sees whether the kernel sends the files; install it")
	}
	large := sizes()[2]
	trace, err := s.trace(ctx, program, s.system.serving(), func() error {
		w, err := dial(ctx, s.system.contentAt)
		if err != nil {
			return err
		}
		defer w.close()
		return w.swallow(getRequest(s.system.contentAt, large.path()), int64(large.size), make([]byte, 1<<20))
	})
	if err != nil {
		return err
	}
	sent, written := traced(trace)
	s.report(figure{Work: "serve", Mode: s.system.mode, What: "of one download of " + large.name + ", sent by sendfile(2)", Unit: "%", Runs: []float64{100 * sent / float64(large.size)}, Goal: atLeast(100),
		Notes: fmt.Sprintf("strace saw %s bytes written otherwise, logs and headers among them", short(written))})
	return nil
}

// serving is the process that serves content.
func (s *system) serving() *process {
	for _, p := range s.processes {
		if p.name == "serve" || p.name == "content" {
			return p
		}
	}
	return nil
}

// trace runs strace on a process while something is done, and gives what it saw.
func (b *bench) trace(ctx context.Context, program string, p *process, do func() error) ([]byte, error) {
	dir, err := b.folderFor("strace")
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "trace")
	t, err := startProcess(dir, "strace", os.Environ(), program, "-f", "-e", "trace=sendfile,write,writev,sendto,sendmsg", "-e", "signal=none", "-s", "0", "-o", out, "-p", fmt.Sprint(p.command.Process.Pid))
	if err != nil {
		return nil, err
	}
	err = t.until(ctx, func() bool { return bytes.Contains(t.tail(), []byte("attached")) })
	if err == nil {
		err = do()
	}
	if err := errors.Join(err, t.stop()); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// traced adds up, in the lines of strace, the bytes that sendfile sent and those that went another way. A call during which
// another thread was seen takes two lines: "sendfile(… <unfinished ...>" and "<... sendfile resumed>… = N"; what a line
// gives stands behind its last "=".
func traced(trace []byte) (sent, written float64) {
	for line := range bytes.Lines(trace) {
		text := strings.TrimSpace(string(line))
		at := strings.LastIndex(text, "= ")
		if at < 0 || strings.HasSuffix(text, "<unfinished ...>") {
			continue
		}
		number, _, _ := strings.Cut(text[at+2:], " ")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 {
			continue // the call failed, as when the connection takes nothing at the moment
		}
		if strings.Contains(text, "sendfile(") || strings.Contains(text, "sendfile resumed") {
			sent += n
		} else {
			written += n
		}
	}
	return sent, written
}
