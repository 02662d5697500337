package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	return w.discard(c.size, c.nowhere)
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
