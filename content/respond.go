package content

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

// respond answers with a stored file. There are four ways, and this is the only place that knows them: a link to the
// storage, a file of this machine that the web server in front or the kernel sends, or a copy from the storage. Everything that can go wrong
// before the first byte is found out before the first header is set.
func (x *exchange) respond(ctx context.Context, result serve.Result) error {
	found := result.Found
	store, err := x.Storage(x.domain)
	if err != nil {
		return damaged("the storage of the domain cannot be opened; try again later", err)
	}
	if signer, ok := store.(storage.Signer); ok && x.redirects() {
		return x.redirect(ctx, signer, result)
	}
	if answered, err := x.fromMemory(ctx, store, result); answered || err != nil {
		return err
	}
	v := validatorsOf(found)
	if refused := v.check(x.lines); refused != proceed {
		return x.emptied(refused.status(), v)
	}
	spans, satisfiable := x.wanted(v, found.Artifact.Size)
	if !satisfiable {
		return x.outOfRange(v, found.Artifact.Size)
	}
	err = x.file(ctx, store, found, v, spans)
	if err != nil && result.Slot != nil {
		result.Slot.Drop() // it may have been moved or removed since it was looked up
	}
	return err
}

// redirect sends the client to the storage, which answers conditions and ranges itself: its validators are the ones
// that the client will hold. Nobody may keep the redirect, because the link expires.
func (x *exchange) redirect(ctx context.Context, signer storage.Signer, result serve.Result) error {
	link, err := x.link(ctx, signer, result)
	if err != nil {
		return damaged("the storage cannot hand out a link to this file; try again later", err)
	}
	x.status, x.how = http.StatusFound, byRedirect
	x.c.Status(http.StatusFound)
	x.set(fiber.HeaderLocation, link)
	x.set(fiber.HeaderCacheControl, "no-store")
	return nil
}

func validatorsOf(found *serve.Found) validators {
	at := found.AddedAt
	if at.IsZero() {
		at = found.Artifact.PulpCreated
	}
	return validators{etag: tagOf(found.Artifact.SHA256), modified: at.UTC().Truncate(time.Second)}
}

func tagOf(sha256 string) string { return `"` + sha256 + `"` }

// emptied answers a precondition: nothing but what the client needs to know its copy by.
func (x *exchange) emptied(status int, v validators) error {
	if status == http.StatusPreconditionFailed {
		x.momentary()
		x.say(status, plainText, []byte("the file is not the one that your request is about\n"))
	} else {
		x.status = status
		x.c.Status(status)
	}
	x.validate(v)
	return nil
}

// wanted gives the spans that a request asks for; none means the whole file. Only GET has ranges (RFC 9110 §14.2).
func (x *exchange) wanted(v validators, size int64) (spans []span, satisfiable bool) {
	lines := x.lines(fiber.HeaderRange)
	if x.method != fiber.MethodGet || len(lines) != 1 || !v.sameRange(x.lines(fiber.HeaderIfRange)) {
		return nil, true
	}
	return parseRange(lines[0], size)
}

func (x *exchange) outOfRange(v validators, size int64) error {
	x.momentary()
	x.say(http.StatusRequestedRangeNotSatisfiable, plainText, []byte("the file has no such bytes\n"))
	x.validate(v)
	x.set(fiber.HeaderContentRange, "bytes */"+strconv.FormatInt(size, 10))
	return nil
}

// file answers with bytes: all, one part or several.
func (x *exchange) file(ctx context.Context, store storage.Storage, found *serve.Found, v validators, spans []span) error {
	if x.handOver(store, found, v, spans) {
		return nil
	}
	bytes, err := x.open(ctx, store, found.Artifact)
	if err != nil {
		return err
	}
	x.how = cmp.Or(x.how, byStorage)
	x.prove(found.Artifact.SHA256)
	return x.deliver(bytes, found.Path, found.Artifact.Size, v, spans)
}

// deliver answers with bytes, wherever they lie.
func (x *exchange) deliver(bytes stored, name string, size int64, v validators, spans []span) error {
	kind := mediaType(name)
	b := &body{exchange: x, bytes: bytes, conn: x.c.Context().Conn(), flush: x.c.App().Config().WriteTimeout}
	x.status = fiber.StatusOK
	switch len(spans) {
	case 0:
		b.whole(size)
	case 1:
		x.status = fiber.StatusPartialContent
		x.set(fiber.HeaderContentRange, spans[0].contentRange(size))
		b.parts = []part{{span: spans[0]}}
	default:
		x.status = fiber.StatusPartialContent
		kind = b.several(spans, kind, size)
	}
	x.describe(size, v, kind)
	return x.send(b)
}

// describe sets the headers of a file.
func (x *exchange) describe(size int64, v validators, kind string) {
	x.c.Status(x.status)
	x.validate(v)
	x.c.Response().Header.SetContentType(kind)
	x.set("X-PULP-ARTIFACT-SIZE", strconv.FormatInt(size, 10))
	x.set(fiber.HeaderXContentTypeOptions, "nosniff")
	if scripted(kind) {
		x.set(fiber.HeaderContentSecurityPolicy, "sandbox allow-downloads allow-popups allow-scripts")
	}
}

// prove tells the digest that the bytes are known to have: that of the whole file, for a part too (RFC 9530 §2).
func (x *exchange) prove(sha256 string) {
	if sum, err := hex.DecodeString(sha256); err == nil {
		x.set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	}
}

func (x *exchange) validate(v validators) {
	switch {
	case v.etag == "":
	case v.unverified:
		x.set(fiber.HeaderETag, "W/"+v.etag)
		return
	default:
		x.set(fiber.HeaderETag, v.etag)
	}
	if !v.modified.IsZero() {
		x.set(fiber.HeaderLastModified, v.modified.Format(http.TimeFormat))
	}
	x.set(fiber.HeaderAcceptRanges, "bytes")
}

// send hands the body over to the connection; for HEAD only its length.
func (x *exchange) send(b *body) error {
	length := b.length()
	if x.method == fiber.MethodHead || length == 0 {
		x.c.Response().Header.SetContentLength(int(length))
		return b.bytes.Close()
	}
	x.streamed = true
	x.askedBy()
	x.c.Context().SetBodyStream(b, int(length))
	return nil
}
