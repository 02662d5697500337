package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowd is many clients that ask for one file at the same moment.
type crowd struct {
	at      []string
	path    string
	clients int
	size    int64
	sha256  string
	// nowhere is given to the kernel for what it throws away: it is never written to.
	nowhere []byte
}

// crowdWithin ends the waiting for a file that does not come.
const crowdWithin = 15 * time.Minute

// run gives how long it takes until all of them have all of it. The first client compares the digest; the others have the
// kernel throw away what comes, since they share the processors with what is measured.
func (c crowd) run(ctx context.Context) (time.Duration, error) {
	c.nowhere = make([]byte, 1<<20)
	wires := make([]*wire, c.clients)
	for i := range wires {
		w, err := dial(ctx, c.at[i%len(c.at)])
		if err != nil {
			return 0, err
		}
		defer w.close()
		wires[i] = w
	}
	var group errgroup.Group
	begin := time.Now()
	for i, w := range wires {
		group.Go(func() error { return c.download(w, c.at[i%len(c.at)], i == 0) })
	}
	err := group.Wait()
	return time.Since(begin), err
}

func (c crowd) download(w *wire, host string, compare bool) error {
	if err := w.conn.SetDeadline(time.Now().Add(crowdWithin)); err != nil {
		return err
	}
	if _, err := w.conn.Write(getRequest(host, c.path)); err != nil {
		return fmt.Errorf("send a request: %w", err)
	}
	status, length, err := w.head()
	if err == nil && (status != 200 || int64(length) != c.size) {
		err = fmt.Errorf("the answer is %d with %d bytes", status, length)
	}
	if err != nil {
		return fmt.Errorf("ask for a file that many ask for: %w", err)
	}
	if compare {
		return c.compare(w)
	}
	early, err := io.CopyN(io.Discard, w.in, int64(w.in.Buffered()))
	if err != nil {
		return err
	}
	return c.discard(w.conn, c.size-early)
}

func (c crowd) compare(w *wire) error {
	sum := sha256.New()
	if n, err := io.CopyN(sum, w.in, c.size); err != nil {
		return fmt.Errorf("the file broke off after %d bytes: %w", n, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != c.sha256 {
		return errors.New("the file is not the one that was asked for: " + got)
	}
	return nil
}

// discard takes n bytes from a connection and has the kernel throw them away (MSG_TRUNC, tcp(7)).
func (c crowd) discard(conn net.Conn, n int64) error {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	waited := raw.Read(func(fd uintptr) bool {
		for n > 0 {
			got, _, err := syscall.Recvfrom(int(fd), c.nowhere[:min(int64(len(c.nowhere)), n)], syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
			case err != nil:
				fault = err
				return true
			case got == 0:
				fault = io.ErrUnexpectedEOF
				return true
			}
			n -= int64(max(got, 0))
		}
		return true
	})
	if err := errors.Join(fault, waited); err != nil {
		return fmt.Errorf("the file broke off, %d bytes are missing: %w", n, err)
	}
	return nil
}
