// Package api is the REST API's front: it mounts the operations that apps declare, finds out who asks, turns errors
// into answers in one place, and writes the OpenAPI document.
//
// A request meets, in this order: panic guard → correlation id → access log → authentication → the operation (load,
// decide, handle; see core/resource) → answer or error.
package api

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/federation/exchange"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/resource"
)

// Options are what the API needs.
type Options struct {
	Env        *resource.Env
	Operations []resource.Operation
	// Domain is the identity of the domain that requests without one belong to.
	Domain string
	// FindDomain finds a domain by the name in a path, where the setting domain_enabled puts one into paths; nil otherwise.
	// An unknown one is errs.NotFound.
	FindDomain func(ctx context.Context, name string) (*model.Domain, error)
	// Identity finds out who asks.
	Identity *auth.Identifier
	// SignOn logs people in with other providers; nil leaves its routes out.
	SignOn SignOn
	// Exchange gives tokens for tokens of other issuers.
	Exchange *exchange.Exchange
	// Status tells the state of the installation for status/.
	Status func(ctx context.Context) Status
	// Versions are those of the enabled apps by label.
	Versions map[string]string
	// RequestTimeout bounds requests without files; 0 is a minute.
	RequestTimeout time.Duration
	// Access gets a line for every request; nil: there is no access log.
	Access *access.Log
	Log    *slog.Logger
}

// Server is the REST API. It is safe for concurrent use.
type Server struct {
	Options
	operations []resource.Operation
	documents  documents
	// patience is how long a client may leave a part of a stream unread.
	patience time.Duration
	page     func() ([]byte, error)
}

// New makes the API of the apps' operations and its own. Two operations on one route are a wiring mistake and panic.
func New(o Options) *Server {
	if o.RequestTimeout == 0 {
		o.RequestTimeout = time.Minute
	}
	s := &Server{Options: o, patience: sendPatience}
	s.operations = append(s.own(), o.Operations...)
	seen := map[string]bool{}
	for _, op := range s.operations {
		key := op.Method + " " + op.Route
		if seen[key] {
			panic("two operations are declared at " + key)
		}
		seen[key] = true
	}
	s.page = sync.OnceValues(s.writePage)
	return s
}

// Operations are all operations that the API serves, its own first.
func (s *Server) Operations() []resource.Operation { return s.operations }

// Config is how fiber must be set up for the API: routes as they are written, bodies as streams.
func Config() fiber.Config {
	return fiber.Config{
		Immutable: true, StrictRouting: true, CaseSensitive: true,
		StreamRequestBody: true, DisablePreParseMultipartForm: true, BodyLimit: 1 << 50,
		ReadBufferSize: headBytes, ReadTimeout: headTimeout, IdleTimeout: 2 * time.Minute, DisableStartupMessage: true,
		EnableTrustedProxyCheck: true, // with nobody trusted: what proxies say is read by auth.Proxies alone
		ErrorHandler:            func(c *fiber.Ctx, err error) error { return foreign(c, err) },
	}
}

// Mount adds the routes.
func (s *Server) Mount(router fiber.Router) {
	for i := range s.operations {
		op := &s.operations[i]
		handle := func(c *fiber.Ctx) error {
			if strings.HasSuffix(op.Route, "/") && !strings.HasSuffix(c.Path(), "/") { // the router takes such a path when a parameter ends it
				return s.unrouted(c)
			}
			return s.handle(c, op)
		}
		for _, root := range s.roots(op) {
			route := strings.NewReplacer("{", ":", "}", "").Replace(root + op.Route)
			router.Add(op.Method, route, handle)
			if op.Method == fiber.MethodGet {
				router.Head(route, handle)
			}
		}
	}
	s.mountSignOn(router)
	router.Get("/", func(c *fiber.Ctx) error { return c.Redirect(s.Env.Names.API(), fiber.StatusFound) })
	router.Use(s.siteRoot(), s.unrouted)
	if s.Env.Names.Domains {
		router.Use(strings.NewReplacer("{", ":", "}", "").Replace(s.domainRoot()), s.unrouted)
	}
}

// unrouted answers what no route takes. Logs of web servers have that too; the log of the process does not.
func (s *Server) unrouted(c *fiber.Ctx) error {
	begin := time.Now()
	err := s.unserved(c)
	if s.Access != nil && s.Access.Named() {
		s.logAccess(c.UserContext(), c, "", begin)
	}
	return err
}

// unserved answers with a redirect where only the slash at the end is missing, with 405 where the path is served with
// other methods, with 404 otherwise.
func (s *Server) unserved(c *fiber.Ctx) error {
	stray(c)
	path, site := s.below(c.Path())
	methods := s.methods(path, site)
	switch {
	case len(methods) > 0:
		c.Set(fiber.HeaderAllow, strings.Join(methods, ", "))
		return s.fail(c, correlate(c), notAllowed(c.Method()))
	case !strings.HasSuffix(path, "/") && len(s.methods(path+"/", site)) > 0:
		target := c.Path() + "/"
		if query := c.Context().QueryArgs().String(); query != "" {
			target += "?" + query
		}
		correlate(c)
		return c.Redirect(target, fiber.StatusMovedPermanently)
	}
	return s.fail(c, correlate(c), notFound())
}

// methods are those that some operation offers at a path, of the site or of a domain.
func (s *Server) methods(path string, site bool) []string {
	var methods []string
	for i := range s.operations {
		if s.stands(&s.operations[i], site) && matches(s.operations[i].Route, path) {
			methods = append(methods, s.operations[i].Method)
		}
	}
	return methods
}

func matches(route, path string) bool {
	want, have := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && (!strings.HasPrefix(want[i], "{") || have[i] == "") {
			return false
		}
	}
	return true
}
