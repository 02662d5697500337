package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// bulkName is the one file of a bulk.
const bulkName = "bulk.bin"

// bulk is an upstream on loopback of one large file, served out of memory. It counts who asks for it.
type bulk struct {
	at     string
	body   []byte
	sha256 string
	asked  atomic.Int64
}

func serveBulk(ctx context.Context) (u *bulk, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the upstream: %w", err)
	}
	u = &bulk{at: "http://" + listener.Addr().String()}
	server := &http.Server{Handler: u, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return u, func() { _ = server.Close() }, nil
}

// renew makes another file, when nobody asks for the last one any more, and gives the URL of the manifest.
func (u *bulk) renew(size int) string {
	u.body = random(size)
	sum := sha256.Sum256(u.body)
	u.sha256 = hex.EncodeToString(sum[:])
	u.asked.Store(0)
	return u.at + "/PULP_MANIFEST"
}

// ServeHTTP gives the manifest or the file.
func (u *bulk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/PULP_MANIFEST":
		_, _ = fmt.Fprintf(w, "%s,%s,%d\n", bulkName, u.sha256, len(u.body)) // who went away needs no more
	case "/" + bulkName:
		u.asked.Add(1)
		w.Header().Set("Content-Length", strconv.Itoa(len(u.body)))
		_, _ = w.Write(u.body) // as above
	default:
		http.NotFound(w, r)
	}
}
