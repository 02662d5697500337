package content

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
)

// cacheable tells caches what they may do with the answer to a look-up. What a guard has let through is for this client
// alone, since a shared cache would not ask the guard. Of the rest nothing is told, as by other servers of this kind, unless
// the operator wants it: every answer has a strong validator, so asking again costs little.
func (x *exchange) cacheable(result serve.Result) {
	switch {
	case result.Guarded():
		x.set(fiber.HeaderCacheControl, "private")
	case x.MaxAge != nil:
		x.set(fiber.HeaderCacheControl, "max-age="+strconv.Itoa(*x.MaxAge))
	}
}

// momentary takes back what cacheable has allowed: an answer about a condition or a range is none for those who come
// without.
func (x *exchange) momentary() {
	if x.MaxAge != nil {
		x.uncacheable()
	}
}

// uncacheable has nobody keep an error: what is not there may be there in a moment.
func (x *exchange) uncacheable() { x.set(fiber.HeaderCacheControl, "no-store") }
