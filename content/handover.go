package content

import (
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

// The web servers that files can be handed over to (setting content_sendfile).
const (
	HandOverToNobody = "off"
	HandOverToNginx  = "nginx"
	HandOverToApache = "apache"
)

// MediaPrefix is the path under which nginx has the files of HandOver.Root, for us alone.
const MediaPrefix = "/_media/"

// sendfileType is the request header with which a web server says that it sends files itself, and by which header it is told
// which. Its site replaces what a client says there.
const sendfileType = "X-Sendfile-Type"

// The headers that name a file to a web server.
const (
	accelRedirect = "X-Accel-Redirect"
	xSendfile     = "X-Sendfile"
)

// laterCacheControl is what Cache-Control is called on the way to nginx, which keeps Cache-Control for its own answer too when
// it cannot read the file. Its site gives the value its name back.
const laterCacheControl = "X-Packhouse-Cache-Control"

// HandOver has the web server in front send stored files itself: we say which one, with all headers and no bytes. That is
// said to trusted proxies only, and only when they say that they do it: to anybody else it would be an empty file, and tell
// where files lie.
type HandOver struct {
	// To is one of the web servers above; empty is nobody.
	To string
	// Root is the folder that the web server may read, absolute and clean. Files elsewhere we send ourselves.
	Root string
}

func (h HandOver) mustMakeSense() {
	switch h.To {
	case "", HandOverToNobody:
	case HandOverToNginx, HandOverToApache:
		if !filepath.IsAbs(h.Root) || filepath.Clean(h.Root) != h.Root {
			panic("content.New needs the folder of the files that are handed over, absolute and clean, not " + h.Root)
		}
	default:
		panic("content.New knows no web server called " + h.To)
	}
}

// handOver hands a file over and tells whether it did. A HEAD has no bytes to hand over.
func (x *exchange) handOver(store storage.Storage, found *serve.Found, v validators, spans []span) bool {
	if x.HandOver.To == "" || x.HandOver.To == HandOverToNobody || x.method != fiber.MethodGet || found.Artifact.Size == 0 ||
		!x.decidedAlike(spans) || !x.sendsFiles() {
		return false
	}
	name, ok := x.readable(store, found)
	if !ok {
		return false
	}
	x.how, x.status = cmp.Or(x.how, byWebServer), http.StatusOK
	x.prove(found.Artifact.SHA256)
	x.describe(found.Artifact.Size, v, mediaType(found.Path))
	if x.HandOver.To == HandOverToNginx {
		if len(spans) == 0 {
			x.c.Response().Header.Del(fiber.HeaderAcceptRanges) // nginx adds one to whole files, beside the one that it is told
		}
		if answer := &x.c.Response().Header; len(answer.Peek(fiber.HeaderCacheControl)) > 0 {
			x.set(laterCacheControl, string(answer.Peek(fiber.HeaderCacheControl)))
			answer.Del(fiber.HeaderCacheControl)
		}
		x.set(accelRedirect, MediaPrefix+serve.Escaped(name))
		return true
	}
	x.set(xSendfile, serve.Escaped(filepath.ToSlash(x.HandOver.Root)+"/"+name))
	return true
}

// sendsFiles tells whether who asks is a web server that sends files itself. Its peers on the same host are trusted too, and
// have not said so.
func (x *exchange) sendsFiles() bool {
	by := xSendfile
	if x.HandOver.To == HandOverToNginx {
		by = accelRedirect
	}
	said := x.lines(sendfileType)
	return len(said) == 1 && said[0] == by && x.Proxies.Trusts(credentials{x}.Peer())
}

// plainRange is one range as everybody writes it, with numbers that nobody finds too large.
var plainRange = regexp.MustCompile(`^bytes=[0-9]{0,15}-[0-9]{0,15}$`)

// decidedAlike tells whether a web server makes of the request what we do. It sees the same header lines, and decides
// about ranges by our validators. It has other opinions of several ranges, of malformed ones and of a part that the client
// has of another file; and conditions it would check against the times of its files.
func (x *exchange) decidedAlike(spans []span) bool {
	for _, name := range []string{fiber.HeaderIfMatch, fiber.HeaderIfUnmodifiedSince, fiber.HeaderIfModifiedSince} {
		if len(x.lines(name)) > 0 {
			return false
		}
	}
	if at := x.lines(fiber.HeaderIfRange); len(at) > 0 && !strings.HasPrefix(at[0], `"`) {
		return false // Apache takes no date that is less than a minute old
	}
	ranges := x.lines(fiber.HeaderRange)
	return len(ranges) == 0 || len(spans) == 1 && plainRange.MatchString(ranges[0])
}

// readable gives the path of a file below the folder that the web server may read, when it is there and has the size that it
// should have; everything else is for open to tell.
func (x *exchange) readable(store storage.Storage, found *serve.Found) (string, bool) {
	local, ok := store.(storage.Local)
	if !ok {
		return "", false
	}
	path, err := local.LocalPath(found.Artifact.File)
	if err != nil {
		return "", false
	}
	name, ok := strings.CutPrefix(path, strings.TrimSuffix(x.HandOver.Root, "/")+"/")
	if !ok {
		return "", false
	}
	info, err := os.Lstat(path)
	return filepath.ToSlash(name), err == nil && info.Mode().IsRegular() && info.Size() == found.Artifact.Size
}
