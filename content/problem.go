package content

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

const plainText = "text/plain; charset=utf-8"

// statusOf says how a kind of error is answered.
func statusOf(kind errs.Kind) int {
	switch kind {
	case errs.Invalid:
		return http.StatusBadRequest
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.Forbidden:
		return http.StatusForbidden
	case errs.NotFound:
		return http.StatusNotFound
	case errs.NotAllowed:
		return http.StatusMethodNotAllowed
	case errs.Conflict:
		return http.StatusConflict
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.Unsupported:
		return http.StatusUnsupportedMediaType
	case errs.Range:
		return http.StatusRequestedRangeNotSatisfiable
	case errs.TooMany:
		return http.StatusTooManyRequests
	case errs.Unavailable, errs.Canceled:
		return http.StatusServiceUnavailable
	case errs.StorageFull:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// fail answers an error. Every fault of ours is logged with its cause; the client gets the reason without it.
func (x *exchange) fail(err error) {
	status := statusOf(kindOf(err))
	if _, ok := errors.AsType[overlong](err); ok {
		status = http.StatusRequestURITooLong
	}
	x.how = byNothing
	refused, upstream := errors.AsType[*fetch.Refusal](err)
	if upstream {
		status = refused.Status
		x.refused(refused)
	}
	if status >= http.StatusInternalServerError && !upstream { // why an upstream gives nothing is in the log already
		x.Log.ErrorContext(x.ctx, "content request failed", slog.String("path", x.path), slog.Int("status", status), slog.Any("error", err))
	}
	if wait, throttled := errors.AsType[*auth.Throttled](err); throttled {
		x.c.Set("Retry-After", wait.RetryAfter())
	}
	x.uncacheable()
	x.problem(status, reason(err))
	if status == http.StatusForbidden || status == http.StatusNotFound {
		x.phrase(reason(err)) // clients show the reason phrase and drop the body
	}
}

// refused says when it is worth asking an upstream again.
func (x *exchange) refused(r *fetch.Refusal) {
	if r.After > 0 {
		x.set(fiber.HeaderRetryAfter, strconv.Itoa(int(max(1, r.After.Round(time.Second).Seconds()))))
	}
}

// damage says that what is stored is not as the database says: a reason for the client, a cause for the log.
type damage struct {
	kind   errs.Kind
	reason string
	cause  error
}

func (d *damage) Error() string { return d.reason + ": " + d.cause.Error() }
func (d *damage) Unwrap() error { return d.cause }

// damaged keeps a storage that does not answer, which passes by itself, apart from bytes that are wrong or gone.
func damaged(reason string, cause error) error {
	kind := errs.Internal
	if errs.Is(cause, errs.Unavailable) || errs.Is(cause, errs.Canceled) || errors.Is(cause, syscall.EMFILE) || errors.Is(cause, syscall.ENFILE) {
		kind, reason = errs.Unavailable, "the storage does not give this file at the moment; try again in a while"
	}
	return &damage{kind: kind, reason: reason, cause: cause}
}

func kindOf(err error) errs.Kind {
	if d, ok := errors.AsType[*damage](err); ok {
		return d.kind
	}
	return errs.KindOf(err)
}

// reason is what a client may read. The cause of a fault of ours stays in the log.
func reason(err error) string {
	if d, ok := errors.AsType[*damage](err); ok {
		return d.reason
	}
	known, ok := errors.AsType[*errs.Error](err)
	if !ok || known.Msg == "" || (known.Kind == errs.Internal && known.Err != nil) {
		return "the server could not answer; its log says why"
	}
	return known.Msg
}

// phrase sets the reason phrase of the status line if the text can stand there.
func (x *exchange) phrase(text string) {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return
		}
	}
	x.c.Response().Header.SetStatusMessage([]byte(text))
}

// outside answers what is not under the prefix.
func (s *Server) outside(c *fiber.Ctx, err error) error {
	status := http.StatusInternalServerError
	if known, ok := errors.AsType[*fiber.Error](err); ok {
		status = known.Code
	}
	x := s.begin(c)
	x.prefix = s.Prefix
	x.uncacheable()
	x.problem(status, s.refusal(status))
	lingering(c)
	x.logOutside()
	return nil
}
