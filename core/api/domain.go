package api

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// domainParam is the path parameter with the name of the domain.
const domainParam = "pulp_domain"

// siteRoot is what the routes stand below that belong to no domain, such as status/.
func (s *Server) siteRoot() string { return s.Env.Names.Root + "api/v3/" }

// domainRoot is what all others stand below where there are domains.
func (s *Server) domainRoot() string { return s.Env.Names.Root + "{" + domainParam + "}/api/v3/" }

// roots are what the route of an operation stands below, the one that is documented first.
func (s *Server) roots(op *resource.Operation) []string {
	switch {
	case !s.Env.Names.Domains:
		return []string{s.siteRoot()}
	case op.ID == statusID: // in a domain it tells of that one's storage
		return []string{s.siteRoot(), s.domainRoot()}
	case op.Site:
		return []string{s.siteRoot()}
	}
	return []string{s.domainRoot()}
}

// stands tells whether an operation has a route below the root of the site, or that of a domain.
func (s *Server) stands(op *resource.Operation, site bool) bool {
	for _, root := range s.roots(op) {
		if site == (root == s.siteRoot()) {
			return true
		}
	}
	return false
}

// below takes the root from the path of a request, and tells which one it was.
func (s *Server) below(path string) (rest string, site bool) {
	if rest, ok := strings.CutPrefix(path, s.siteRoot()); ok || !s.Env.Names.Domains {
		return rest, true
	}
	_, rest, _ = strings.Cut(strings.TrimPrefix(path, s.Env.Names.Root), "/")
	return strings.TrimPrefix(rest, "api/v3/"), false
}

// inDomain finds the domain that the path names. Who did not log in is told to do so whether there is such a domain or
// not, unless the route is everybody's.
func (s *Server) inDomain(ctx context.Context, c *fiber.Ctx, op *resource.Operation, user *auth.User) (*resource.Env, string, error) {
	name := c.Params(domainParam)
	if !s.Env.Names.Domains || name == "" {
		return s.Env, s.Domain, nil
	}
	found, err := s.FindDomain(ctx, strings.Clone(name))
	if errs.Is(err, errs.NotFound) {
		if user == nil && op.Rule != openToAll {
			return nil, "", errs.New(errs.Unauthenticated, "Authentication credentials were not provided; log in or send them with the request.")
		}
		return nil, "", notFound()
	}
	if err != nil {
		return nil, "", err
	}
	return s.Env.Named(found.Name), found.ID, nil
}
