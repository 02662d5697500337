package content

import (
	"context"
	"path"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

const (
	// linkTTL is how long a link to the object storage works.
	linkTTL = time.Hour
	// linkReuse is how long a link is given to others too: whoever gets one can use it for the rest of its time.
	linkReuse = linkTTL / 2
)

// links are those to one file, for the two methods; they belong to the remembered result that leads to it.
type links struct{ get, head atomic.Pointer[link] }

type link struct {
	url   string
	until time.Time
}

// link gives a link to the file of a result, and remembers it with that.
func (x *exchange) link(ctx context.Context, signer storage.Signer, result serve.Result) (string, error) {
	if result.Slot == nil {
		return x.sign(ctx, signer, result.Found)
	}
	known, ok := result.Slot.Kept().(*links)
	if !ok {
		known = &links{}
		result.Slot.Keep(known)
	}
	of := &known.get
	if x.method == fiber.MethodHead {
		of = &known.head
	}
	now := x.started.Round(0) // by the clock on the wall: the signature ends by that, also of a machine that slept
	if l := of.Load(); l != nil && now.Before(l.until) {
		return l.url, nil
	}
	url, err := x.sign(ctx, signer, result.Found)
	if err == nil {
		of.Store(&link{url: url, until: now.Add(linkReuse)})
	}
	return url, err
}

func (x *exchange) sign(ctx context.Context, signer storage.Signer, found *serve.Found) (string, error) {
	return signer.Sign(ctx, found.Artifact.File, storage.SignOptions{
		Method:      x.method,
		TTL:         linkTTL,
		ContentType: mediaType(found.Path),
		Filename:    path.Base(found.Path),
	})
}
