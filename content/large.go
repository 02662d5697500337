package content

import (
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// largeAtOnce is how many large listings are made at once: a few hundred thousand names take hundreds of MiB for a moment,
	// and anybody may ask for them again and again.
	largeAtOnce = 4
	// longText is the length of a listing, in bytes, from which its memory is counted until the client has taken it.
	longText = 64 << 10
	// heldTexts is how many bytes of long listings are held at once for clients that have not taken them yet.
	heldTexts = 64 << 20
)

// beLarge takes one of the places for large listings, until the text is made.
func (x *exchange) beLarge() error {
	if x.large {
		return nil
	}
	select {
	case x.larges <- struct{}{}:
		x.large = true
		return nil
	default:
		return errs.New(errs.Unavailable, "several very large folders are being listed at the moment; try again in a few seconds")
	}
}

// notLarge gives the place back.
func (x *exchange) notLarge() {
	if x.large {
		<-x.larges
		x.large = false
	}
}

// texts is the memory for long listings that clients have not taken yet.
type texts struct {
	most int64
	mu   sync.Mutex
	held int64
}

// take takes some of it; a listing that is longer than all of it is let through when there is no other.
func (t *texts) take(bytes int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held > 0 && t.held+bytes > t.most {
		return false
	}
	t.held += bytes
	return true
}

func (t *texts) giveBack(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held -= bytes
}

// longListing is a long text with its share of the memory.
type longListing struct {
	inMemory
	from *texts
}

// Close gives the memory back.
func (l longListing) Close() error {
	l.from.giveBack(int64(cap(l.inMemory)))
	return nil
}

// sayLong answers with a text of ours that may be long. The text of a client that does not read stays in memory until the
// time for writing is over, so there is a limit for all of them together.
func (x *exchange) sayLong(status int, mediaType string, text []byte) error {
	if len(text) <= longText || x.method == fiber.MethodHead {
		x.say(status, mediaType, text)
		return nil
	}
	if !x.texts.take(int64(cap(text))) {
		return errs.New(errs.Unavailable, "several clients are still taking very long listings; try again in a few seconds")
	}
	x.say(status, mediaType, nil)
	b := &body{exchange: x, bytes: longListing{text, x.texts}, conn: x.c.Context().Conn(), flush: x.c.App().Config().WriteTimeout}
	b.whole(int64(len(text)))
	return x.send(b)
}

var _ stored = longListing{}
