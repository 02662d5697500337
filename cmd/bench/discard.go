package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// swallow sends a request and has the kernel throw away the body of the answer, which must have the length.
func (w *wire) swallow(request []byte, length int64, nowhere []byte) error {
	if err := w.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := w.conn.Write(request); err != nil {
		return fmt.Errorf("send a request: %w", err)
	}
	status, got, err := w.head()
	if err == nil && (status != http.StatusOK || int64(got) != length) {
		err = fmt.Errorf("the answer is %d with %d bytes where %d were expected", status, got, length)
	}
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	return w.discard(length, nowhere)
}

// discard takes n bytes from a connection and has the kernel throw them away (MSG_TRUNC, tcp(7)): a client that copied them
// would take the processors from what is measured. The buffer is given to the kernel and never written to.
func (w *wire) discard(n int64, nowhere []byte) error {
	early, err := io.CopyN(io.Discard, w.in, min(n, int64(w.in.Buffered())))
	if err != nil {
		return err
	}
	n -= early
	raw, err := w.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	waited := raw.Read(func(fd uintptr) bool {
		for n > 0 {
			got, _, err := syscall.Recvfrom(int(fd), nowhere[:min(int64(len(nowhere)), n)], syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
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
