package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// statusGone is what the access log shows for a client that has left before its answer began, as other servers do.
const statusGone = 499

// fetched answers with a file that is not stored yet. What the declared digest and size answer alone, no upstream is
// asked for. A plain GET gets the bytes while they come; all else waits for the verified file.
func (x *exchange) fetched(ctx context.Context, result serve.Result) error {
	if x.Fetcher == nil {
		return errs.New(errs.NotFound, "this file has not been downloaded yet; sync the repository with the policy \"immediate\"")
	}
	v := declared(result.Found)
	if done, err := x.known(ctx, result, v); done || err != nil {
		return err
	}
	return x.follow(result, func(present context.Context) (*fetch.Download, error) {
		return x.Fetcher.Fetch(present, result.Distribution.DomainID, result.Found.Missing)
	})
}

// follow answers with what begin begins to bring, for as long as the client is there.
func (x *exchange) follow(result serve.Result, begin func(present context.Context) (*fetch.Download, error)) error {
	present, leave := x.present()
	d, err := begin(present)
	if err == nil {
		err = x.pass(present, leave, result, d)
	} else {
		leave()
	}
	return x.unlessGone(present, err)
}

// unlessGone drops the error of a client that has gone.
func (x *exchange) unlessGone(present context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(present), errDeparted) {
		x.status = statusGone
		x.c.Response().Header.SetConnectionClose()
		return nil
	}
	return err
}

// declared gives the validators of a file as its metadata has them.
func declared(found *serve.Found) validators {
	if found.Missing.SHA256 == "" {
		return validators{} // what the upstream has now may be another file than it had when this one was added
	}
	return validators{etag: tagOf(found.Missing.SHA256), modified: found.AddedAt.UTC().Truncate(time.Second)}
}

// known answers with what is declared where that is enough: to conditions, to a range that cannot be, and to the HEAD of a
// file that would only be fetched to be thrown away.
func (x *exchange) known(ctx context.Context, result serve.Result, v validators) (done bool, err error) {
	missing := result.Found.Missing
	if v.etag == "" {
		return false, nil
	}
	if refused := v.check(x.lines); refused != proceed {
		return true, x.emptied(refused.status(), v)
	}
	if missing.Size == nil {
		return false, nil
	}
	if _, satisfiable := x.wanted(v, *missing.Size); !satisfiable {
		return true, x.outOfRange(v, *missing.Size)
	}
	if x.method != fiber.MethodHead {
		return false, nil
	}
	streams, err := x.Fetcher.Streams(ctx, result.Distribution.DomainID, missing)
	if err != nil || !streams {
		return false, err
	}
	x.status = fiber.StatusOK
	x.describe(*missing.Size, v, mediaType(result.Found.Path))
	x.c.Response().Header.SetContentLength(int(*missing.Size))
	return true, nil
}

// pass answers with what comes, or with what has come. It closes the download, at the latest with the body.
func (x *exchange) pass(ctx context.Context, leave context.CancelFunc, result serve.Result, d *fetch.Download) error {
	x.how = byUpstream
	bytes := &coming{d: d, ctx: ctx, leave: leave, conn: x.c.Context().Conn()}
	if size, ok := d.Size(); ok && d.Stored() == nil && d.Readable() && !x.mustWait(d, size) {
		v := validators{modified: declared(result.Found).modified, unverified: !d.Verified()}
		if d.SHA256() != "" {
			v.etag = tagOf(d.SHA256())
		}
		return x.deliver(bytes, result.Found.Path, size, v, nil)
	}
	artifact, err := d.Wait(ctx)
	if err != nil {
		return errors.Join(err, bytes.Close())
	}
	return x.passVerified(result, artifact, bytes)
}

// mustWait tells whether the answer depends on the verified file: a HEAD, a range, and conditions on a digest that nobody
// has declared.
func (x *exchange) mustWait(d *fetch.Download, size int64) bool {
	v := validators{}
	if d.SHA256() != "" {
		v.etag = tagOf(d.SHA256())
	}
	if x.method == fiber.MethodHead || x.conditional() && v.etag == "" {
		return true
	}
	spans, satisfiable := x.wanted(v, size)
	return len(spans) > 0 || !satisfiable || len(x.lines(fiber.HeaderIfRange)) > 0
}

// conditional tells whether the request has a condition or asks for a part.
func (x *exchange) conditional() bool {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range"} {
		if len(x.lines(name)) > 0 {
			return true
		}
	}
	return false
}

// passVerified answers with a file that is stored now, or with one that never will be.
func (x *exchange) passVerified(result serve.Result, artifact *model.Artifact, bytes *coming) error {
	found := *result.Found
	undeclared := found.Missing.SHA256 == ""
	found.Missing, found.Artifact = nil, artifact
	result.Found = &found
	if artifact.ID != "" {
		_ = bytes.Close() // it has nothing to tell
		ctx, cancel := context.WithTimeout(x.c.UserContext(), lookUpTimeout)
		defer cancel()
		return x.respond(ctx, result)
	}
	v := validatorsOf(&found)
	if undeclared {
		v.modified = time.Time{} // as in declared
	}
	if refused := v.check(x.lines); refused != proceed {
		return errors.Join(x.emptied(refused.status(), v), bytes.Close())
	}
	spans, satisfiable := x.wanted(v, artifact.Size)
	if !satisfiable {
		return errors.Join(x.outOfRange(v, artifact.Size), bytes.Close())
	}
	x.prove(artifact.SHA256)
	return x.deliver(bytes, found.Path, artifact.Size, v, spans)
}

// coming are the bytes of a file that is on its way, or that has come and is not stored.
type coming struct {
	d     *fetch.Download
	ctx   context.Context // ends when the client has gone
	leave context.CancelFunc
	conn  net.Conn // of the client
}

// copyTo writes what may be written as soon as it is there.
func (c *coming) copyTo(w io.Writer, s span, alive func()) (int64, error) {
	sent, send := int64(0), c.way(w, alive)
	for sent < s.length {
		until, whole, err := c.d.Await(c.ctx, s.start+sent)
		if err != nil {
			return sent, c.broken(err)
		}
		until = min(until, s.start+s.length)
		if whole && until < s.start+s.length {
			return sent, c.broken(fmt.Errorf("it has %d bytes: %w", until, io.ErrUnexpectedEOF))
		}
		n, err := send(span{start: s.start + sent, length: until - s.start - sent})
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// way gives how what has come is sent: by the kernel, which takes no memory of ours however many clients there are, or,
// where it cannot, through a buffer for each client.
func (c *coming) way(w io.Writer, alive func()) func(span) (int64, error) {
	flusher, _ := w.(flusher)
	copied := &copying{coming: c, w: w, flusher: flusher, alive: alive}
	file, isFile := c.d.File()
	socket, isSocket := c.conn.(syscall.Conn)
	if !isFile || !isSocket || flusher == nil {
		return copied.send
	}
	conn, err := socket.SyscallConn()
	if err != nil {
		return copied.send
	}
	return (&direct{copying: copied, conn: conn, file: file}).send
}

// broken keeps a client that has gone apart from a file that did not come.
func (c *coming) broken(err error) error {
	if errors.Is(context.Cause(c.ctx), errDeparted) {
		return errDeparted
	}
	return &unread{"what is being fetched", err}
}

// Close takes the client away.
func (c *coming) Close() error {
	c.d.Close()
	c.leave()
	return nil
}

var _ stored = (*coming)(nil)
