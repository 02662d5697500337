// Package content is the content server: it answers GET and HEAD under the content prefix with what distributions
// offer. core/serve finds, this package answers; respond.go alone knows the ways in which bytes reach a client.
//
// Serving what is stored needs the database and the storage and nothing else: neither Redis nor any upstream. What is not
// stored yet is fetched by package fetch; fetched.go alone knows how clients get to see that.
package content

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

// Times that a client may take, and the look-up.
const (
	headerTimeout = 30 * time.Second
	idleTimeout   = 75 * time.Second
	lookUpTimeout = 30 * time.Second
	// stallTimeout is how long the storage may stand still within a body, and the client may take for leastBytes of it.
	stallTimeout = 2 * time.Minute
)

// headerBytes is the longest request head; guards take whole client certificates in a header.
const headerBytes = 32 << 10

// writeBytes is what a connection gathers before it writes: a small file goes out with its head.
const writeBytes = 16 << 10

// Finder finds what a domain offers under a path; *serve.Resolver is one.
type Finder interface {
	Resolve(ctx context.Context, domain, path string, q *serve.Request) (serve.Result, error)
}

// Options are what a Server works with.
type Options struct {
	Resolver Finder
	// Storage gives the storage of a domain; the row is nil where there is only the default one.
	Storage func(row *model.Domain) (storage.Storage, error)
	// FindDomain finds a domain by the name in a path, where the setting domain_enabled puts one into paths; nil otherwise.
	// An unknown one is errs.NotFound.
	FindDomain func(ctx context.Context, name string) (*model.Domain, error)
	// Memory is how many bytes of small files are kept in memory.
	Memory int64
	// Fetcher gets what is not stored yet; with nil that is not found.
	Fetcher *fetch.Fetcher
	// Prefix is CONTENT_PATH_PREFIX, with a slash at both ends.
	Prefix string
	// Origin is scheme and host that people are shown, such as "https://packages.example.org"; nil: those that they asked for.
	Origin *string
	// Identify finds out who asks, for guards that want to know; nil: nobody can tell.
	Identify auth.Identify
	// Proxies are those whose word about a client's certificate is taken.
	Proxies auth.Proxies
	// RedirectToObjectStorage sends clients to the object storage where it can sign links.
	RedirectToObjectStorage bool
	// HandOver has the web server in front send stored files; the zero value sends them ourselves.
	HandOver HandOver
	// MaxAge is for how many seconds caches may use what no guard protects; nil: they are told nothing.
	MaxAge *int
	// TellCache tells clients whether the answer was remembered, in the header X-PULP-CACHE.
	TellCache bool
	// Served is told of every request when its answer has been sent, with how it was answered, the bytes of the body and the
	// time until its last byte; may be nil.
	Served func(how string, bytes int64, took time.Duration)
	// Downloaded is told of every unit of content that a client got a file of, with the moment when it asked; may be nil.
	Downloaded func(content string, at time.Time)
	// Access gets a line for every request; nil: there is no access log.
	Access *access.Log
	Log    *slog.Logger
	// stall is stallTimeout where it is 0; tests do not wait so long.
	stall time.Duration
	// texts is heldTexts where it is 0; tests do not make so long ones.
	texts int64
}

// Server answers requests for content. It is safe for concurrent use.
type Server struct {
	Options
	room   *room
	larges chan struct{}
	texts  *texts
}

// New makes a server. It panics when an option that it cannot work without is missing.
func New(o Options) *Server {
	if o.Resolver == nil || o.Storage == nil || o.Log == nil {
		panic("content.New needs a resolver, a storage and a log")
	}
	if !strings.HasPrefix(o.Prefix, "/") || !strings.HasSuffix(o.Prefix, "/") || strings.ContainsAny(o.Prefix, ":*+?%#\\") || strings.Contains(o.Prefix, "//") {
		panic("content.New needs a plain prefix with a slash at both ends, not " + o.Prefix)
	}
	o.HandOver.mustMakeSense()
	s := &Server{Options: o, room: &room{}, larges: make(chan struct{}, largeAtOnce), texts: &texts{most: cmp.Or(o.texts, heldTexts)}}
	s.stall = cmp.Or(o.stall, stallTimeout)
	s.room.left.Store(o.Memory)
	return s
}

// Part is something that mounts routes.
type Part interface{ Mount(router fiber.Router) }

// App makes a server of its own, for a process that serves nothing but content, with what stands before it.
func (s *Server) App(before ...Part) *fiber.App {
	app := fiber.New(fiber.Config{
		Immutable:                    true,
		StrictRouting:                true,
		CaseSensitive:                true,
		DisableStartupMessage:        true,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ReadBufferSize:               headerBytes,
		WriteBufferSize:              writeBytes,
		ReadTimeout:                  headerTimeout,
		WriteTimeout:                 stallTimeout, // of short answers; a body moves it on with every block
		IdleTimeout:                  idleTimeout,
		ErrorHandler:                 s.outside,
	})
	app.Server().CloseOnShutdown = true // an answer that is written while the server stops says that it closes
	for _, part := range before {
		part.Mount(app)
	}
	s.Mount(app)
	return app
}

// Mount puts the server into another one, beside the API on one port.
func (s *Server) Mount(router fiber.Router) {
	router.All(s.Prefix+"*", s.handle)
	if bare := s.bare(); bare != "" {
		router.All(bare, s.handle)
	}
}

// bare is the prefix without its last slash.
func (s *Server) bare() string { return strings.TrimSuffix(s.Prefix, "/") }

// handle turns every outcome, a panic too, into one answer.
func (s *Server) handle(c *fiber.Ctx) error {
	x := s.begin(c)
	defer x.finish()
	defer func() {
		if fault := recover(); fault != nil {
			x.fail(panicked(fault))
		}
	}()
	if err := s.answer(x); err != nil {
		x.fail(err)
	}
	return nil
}

func (s *Server) answer(x *exchange) error {
	if x.method != fiber.MethodGet && x.method != fiber.MethodHead {
		x.set(fiber.HeaderAllow, "GET, HEAD")
		return errs.New(errs.NotAllowed, "content is read only here; use GET or HEAD")
	}
	ctx, cancel := context.WithTimeout(x.c.UserContext(), lookUpTimeout)
	defer cancel()
	if err := x.enter(ctx); err != nil {
		return err
	}
	if x.path == strings.TrimSuffix(x.prefix, "/") {
		return x.addSlash("")
	}
	path, err := below(x.prefix, x.path)
	if err != nil {
		return err
	}
	slot, err := x.find(ctx, path)
	if err != nil && slot.Dropped() {
		_, err = x.find(ctx, path) // it was remembered, and is not there any more
	}
	return err
}

// find answers with what is found under a path below the prefix. The slot is that of a remembered result, or nil.
func (x *exchange) find(ctx context.Context, path string) (*serve.Slot, error) {
	result, err := x.Resolver.Resolve(serve.WithLarge(ctx, x.beLarge), x.domainID(), path, x.request(path))
	if err != nil {
		return nil, err
	}
	if result.Found != nil && x.Downloaded != nil {
		x.unit = result.Found.ContentID
	}
	x.cacheable(result)
	if x.TellCache {
		x.set("X-PULP-CACHE", hitOrMiss(result.Remembered))
	}
	return result.Slot, x.give(ctx, path, result)
}

func (x *exchange) give(ctx context.Context, path string, result serve.Result) error {
	switch {
	case result.AddSlash:
		return x.addSlash(path)
	case result.Moved != "":
		return x.moved(result.Moved)
	case result.Listing != nil:
		return x.list(path, result)
	case result.Pull != nil:
		return x.pulled(ctx, result)
	}
	if result.Found.Missing != nil {
		return x.fetched(ctx, result)
	}
	return x.respond(ctx, result)
}

func hitOrMiss(remembered bool) string {
	if remembered {
		return "HIT"
	}
	return "MISS"
}

var (
	_ Finder = (*serve.Resolver)(nil)
	_ Finder = (*serve.Memory)(nil)
)
