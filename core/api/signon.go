package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation/oidc"
	"github.com/packhouse/packhouse/core/resource"
)

// The log-in with a provider lives outside the API root: it is for browsers.
const (
	signOnPath   = "/auth/oidc/:provider/"
	signOnCookie = "oidc_login"
)

// SignOn logs people in with somebody who vouches for them, in two steps. See oidc.Login.
type SignOn interface {
	Begin(ctx context.Context, provider, callback, next string) (address, cookie string, err error)
	Finish(ctx context.Context, provider string, answer url.Values, cookie string) (user *auth.User, next string, err error)
}

// mountSignOn adds the two routes.
func (s *Server) mountSignOn(router fiber.Router) {
	if s.SignOn == nil {
		return
	}
	// A log-in is one short exchange with the provider; it has the time of every request.
	op := &resource.Operation{ID: "oidc_login", Route: "auth/oidc/{provider}/"}
	step := func(work func(ctx context.Context, c *fiber.Ctx) (*resource.Answer, error)) fiber.Handler {
		return func(c *fiber.Ctx) error {
			return s.guard(c, op, func(ctx context.Context, _ string) (*resource.Answer, error) { return work(ctx, c) })
		}
	}
	router.Get(signOnPath+"login/", step(s.beginSignOn))
	router.Get(signOnPath+"callback/", step(s.finishSignOn))
}

// beginSignOn sends the browser to the provider.
func (s *Server) beginSignOn(ctx context.Context, c *fiber.Ctx) (*resource.Answer, error) {
	scheme, host := s.Identity.Proxies.Address(credentials{c}, c.Protocol(), c.Hostname())
	callback := scheme + "://" + host + "/auth/oidc/" + url.PathEscape(c.Params("provider")) + "/callback/"
	address, cookie, err := s.SignOn.Begin(ctx, c.Params("provider"), callback, c.Query("next"))
	if err != nil {
		return nil, err
	}
	return leave(address, resource.Cookie{Name: signOnCookie, Value: cookie, MaxAge: int(oidc.FlowLife.Seconds()), HTTPOnly: true}), nil
}

// finishSignOn begins a session for whom the provider sent back.
func (s *Server) finishSignOn(ctx context.Context, c *fiber.Ctx) (*resource.Answer, error) {
	answer, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, errs.New(errs.Invalid, "The answer of the provider cannot be read; begin again: %w", err)
	}
	ctx = auth.WithClient(ctx, s.Identity.Proxies.Client(credentials{c}))
	user, next, err := s.SignOn.Finish(ctx, c.Params("provider"), answer, credentials{c}.Cookie(signOnCookie))
	if err != nil {
		audit.From(ctx).Refused("", "oidc")
		return nil, err
	}
	audit.From(ctx).LoggedIn(user.ID, user.Username, "oidc")
	cookies, err := s.sessionCookies(ctx, user)
	if err != nil {
		return nil, err
	}
	return leave(next, append(cookies, resource.Cookie{Name: signOnCookie, HTTPOnly: true})...), nil
}

// leave sends the browser on. The address it leaves holds a code, which no cache and no other site shall see.
func leave(address string, cookies ...resource.Cookie) *resource.Answer {
	return &resource.Answer{Status: http.StatusSeeOther, Location: address, Cookies: cookies,
		Headers: map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}}
}

var _ SignOn = (*oidc.Login)(nil)
