package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// readers is the number of connections that read at the same time.
const readers = 8

// measureRead measures GETs of one repository and of a list of 100, with Basic credentials, beside a server that gives
// the same bytes from memory.
func measureRead(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	c := s.client()
	var href string
	for i := range 100 {
		if href, err = c.repository(ctx, fmt.Sprintf("r%03d", i), nil); err != nil {
			return err
		}
	}
	if err := b.reading(ctx, s, "GET one repository", href, 3000); err != nil {
		return err
	}
	return b.reading(ctx, s, "GET a list of 100 repositories", api+"repositories/file/file/?limit=100", 1000)
}

// reading measures one GET and its peer in turns.
func (b *bench) reading(ctx context.Context, s *system, what, path string, goal float64) error {
	w, err := dial(ctx, s.apiAt)
	if err != nil {
		return err
	}
	defer w.close()
	request := getRequest(s.apiAt, path)
	if err := expect(w, request, 200); err != nil {
		return err
	}
	peer, closePeer, err := serveBytes(ctx, w.body)
	if err != nil {
		return err
	}
	defer closePeer()
	f := figure{Work: "read", Mode: s.mode, What: what, Unit: "/s", PeerWhat: "Go's net/http giving the same bytes", Goal: atLeast(goal)}
	lasting := 4 * time.Second
	if b.quick {
		lasting = time.Second
	}
	var slowest []float64
	for range b.runs() {
		ours, err := load{address: s.apiAt, clients: readers, lasting: lasting, round: fetch(request)}.run(ctx)
		if err != nil {
			return err
		}
		theirs, err := load{address: peer, clients: readers, lasting: lasting / 2, round: fetch(getRequest(peer, path))}.run(ctx)
		if err != nil {
			return err
		}
		f.Runs, f.Peer, slowest = append(f.Runs, ours.rate), append(f.Peer, theirs.rate), append(slowest, quantile(ours.took, 0.99))
	}
	f.Notes = fmt.Sprintf("p99 %s ms", short(median(slowest)))
	b.report(f)
	return nil
}

// serveBytes answers every request with the same bytes, at the address that it gives.
func serveBytes(ctx context.Context, body []byte) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for the peer: %w", err)
	}
	text := append([]byte(nil), body...)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text) // the client sees when it is cut off
	})}
	go func() { _ = server.Serve(l) }() // always ends with the error that it was closed
	return l.Addr().String(), func() { _ = server.Close() }, nil
}
