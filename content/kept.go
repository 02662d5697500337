package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

// mostKept is the largest file that is kept in memory, in bytes. Above it a file costs no more to open than to send.
const mostKept = serve.Keepable

// kept is a small file in memory, whose digest was checked when it was read. It belongs to the remembered result that
// leads to it, and is gone with it.
type kept struct{ body []byte }

// asked is what a result leaves in its slot before it is worth to be kept: it was asked for once.
type asked struct{}

// room is the memory for files.
type room struct{ left atomic.Int64 }

// take takes some of it until what holds it is gone.
func (r *room) take(holder *kept, bytes int64) bool {
	if r.left.Add(-bytes) < 0 {
		r.left.Add(bytes)
		return false
	}
	runtime.AddCleanup(holder, func(bytes int64) { r.left.Add(bytes) }, bytes)
	return true
}

// fromMemory answers with a file that is kept, and keeps one that is asked for again. It tells whether it has answered.
func (x *exchange) fromMemory(ctx context.Context, store storage.Storage, result serve.Result) (answered bool, err error) {
	found, slot := result.Found, result.Slot
	if slot == nil || found.Artifact.Size > mostKept {
		return false, nil
	}
	switch k := slot.Kept().(type) {
	case nil:
		slot.Keep(asked{})
		return false, nil
	case *kept:
		return true, x.answerKept(k, found)
	}
	k, err := x.keep(ctx, store, found)
	if err != nil {
		slot.Drop() // the path may lead to another file by the time when somebody has mended this
	}
	if err != nil || k == nil {
		return false, err
	}
	slot.Keep(k)
	return true, x.answerKept(k, found)
}

// keep reads a file into memory; nil where there is no room.
func (x *exchange) keep(ctx context.Context, store storage.Storage, found *serve.Found) (*kept, error) {
	k := &kept{}
	if !x.room.take(k, found.Artifact.Size) {
		return nil, nil
	}
	r, err := store.Open(ctx, found.Artifact.File, 0, found.Artifact.Size)
	if err != nil {
		return nil, nil // it is told by whoever answers otherwise
	}
	defer r.Close()
	k.body, err = io.ReadAll(io.LimitReader(r, found.Artifact.Size+1))
	if err != nil {
		return nil, nil
	}
	sum := sha256.Sum256(k.body)
	if got := hex.EncodeToString(sum[:]); got != found.Artifact.SHA256 {
		fault := fmt.Errorf("%s has the SHA-256 %s, its artifact %s has %s", found.Artifact.File, got, found.Artifact.ID, found.Artifact.SHA256)
		return nil, damaged("the bytes of this file are damaged; ask the administrator to verify the storage", fault)
	}
	return k, nil
}

// answerKept answers as respond does, with bytes that are at hand.
func (x *exchange) answerKept(k *kept, found *serve.Found) error {
	v := validatorsOf(found)
	if refused := v.check(x.lines); refused != proceed {
		return x.emptied(refused.status(), v)
	}
	size := int64(len(k.body))
	spans, satisfiable := x.wanted(v, size)
	if !satisfiable {
		return x.outOfRange(v, size)
	}
	x.how = byStorage
	x.prove(found.Artifact.SHA256)
	if len(spans) > 0 {
		return x.deliver(inMemory(k.body), found.Path, size, v, spans)
	}
	x.status = http.StatusOK
	x.describe(size, v, mediaType(found.Path))
	if x.method == fiber.MethodHead {
		x.c.Response().Header.SetContentLength(int(size))
		return nil
	}
	x.bytes = size
	x.c.Response().SetBodyRaw(k.body)
	return nil
}

// inMemory are bytes at hand.
type inMemory []byte

func (m inMemory) copyTo(w io.Writer, s span, alive func()) (int64, error) {
	alive()
	n, err := w.Write(m[s.start : s.start+s.length])
	return int64(n), err
}

// Close has nothing to do.
func (m inMemory) Close() error { return nil }

var _ stored = inMemory(nil)
