package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// folder is what the upstream of a sync has: a manifest and files of fifty bytes, told by their numbers.
type folder struct {
	name  string
	files int
	// changed is how often one line was changed since.
	changed int
}

const fileSize = 50

// file gives the bytes of a file.
func (f *folder) file(i int) []byte {
	version := 0
	if i == 0 {
		version = f.changed
	}
	seed := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", f.name, i, version))
	return bytes.Repeat(seed[:], 2)[:fileSize]
}

func (f *folder) path(i int) string { return fmt.Sprintf("d%02d/%06d.iso", i%100, i) }

func (f *folder) manifest() []byte {
	var text bytes.Buffer
	for i := range f.files {
		sum := sha256.Sum256(f.file(i))
		text.WriteString(f.path(i) + "," + hex.EncodeToString(sum[:]) + fmt.Sprintf(",%d\n", fileSize))
	}
	return text.Bytes()
}

// upstreams serves folders on loopback, out of memory: what is measured is who syncs.
type upstreams struct {
	at      string
	folders map[string]*folder
	lists   map[string][]byte
}

// serveUpstreams begins to serve until stop. Folders are added before anybody asks for them.
func serveUpstreams(ctx context.Context) (u *upstreams, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	u = &upstreams{at: "http://" + listener.Addr().String(), folders: map[string]*folder{}, lists: map[string][]byte{}}
	server := &http.Server{Handler: u, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return u, func() { _ = server.Close() }, nil
}

// add makes a folder and gives the URL of its manifest.
func (u *upstreams) add(f *folder) string {
	u.folders[f.name], u.lists[f.name] = f, f.manifest()
	return u.at + "/" + f.name + "/PULP_MANIFEST"
}

// ServeHTTP gives a manifest or a file.
func (u *upstreams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	f := u.folders[name]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	if path == "PULP_MANIFEST" {
		_, _ = w.Write(u.lists[name]) // who went away needs no more
		return
	}
	var group, i int
	if _, err := fmt.Sscanf(path, "d%02d/%06d.iso", &group, &i); err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(f.file(i))
}
