package api

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// openToAll marks operations that bad credentials do not keep from.
const openToAll = auth.Anyone

func setCookie(c *fiber.Ctx, k resource.Cookie, secure bool) {
	cookie := &fiber.Cookie{Name: k.Name, Value: k.Value, Path: "/", MaxAge: k.MaxAge, HTTPOnly: k.HTTPOnly, SameSite: "Lax", Secure: secure}
	if k.Value == "" {
		cookie.Expires = time.Unix(1, 0)
	}
	c.Cookie(cookie)
}

// loginOperations are the log-in by session: POST makes one, GET reads who is logged in, DELETE ends it.
func (s *Server) loginOperations() []resource.Operation {
	shown := map[string]resource.Schema{"LoginResponse": {"type": "object", "properties": map[string]resource.Schema{
		"pulp_href": resource.URI(), "prn": resource.String(), "username": resource.String()}}}
	op := func(id, method string, answers map[int]resource.AnswerDoc, handle func(c *resource.Call) (*resource.Answer, error)) resource.Operation {
		return resource.Operation{ID: id, Method: method, Route: "login/", Tag: "Login", Rule: auth.Authenticated, Components: shown, Answers: answers, Handle: handle}
	}
	who := func(status int) map[int]resource.AnswerDoc {
		return map[int]resource.AnswerDoc{status: {Doc: "Who is logged in.", Schema: "LoginResponse"}}
	}
	return []resource.Operation{
		op("login", "POST", who(201), s.login),
		op("login_read", "GET", who(200), func(c *resource.Call) (*resource.Answer, error) { return whoIs(c, 200), nil }),
		s.loginUpdate(),
		op("logout", "DELETE", map[int]resource.AnswerDoc{204: {Doc: "Logged out."}}, s.logout),
	}
}

func (s *Server) login(c *resource.Call) (*resource.Answer, error) {
	if c.User.Scope != nil { // a session has no limits, and would outlive the token
		return nil, errs.New(errs.Forbidden, "A token does not begin sessions; send it with each request, or log in with a password.")
	}
	cookies, err := s.beginSession(c)
	if err != nil {
		return nil, err
	}
	answer := whoIs(c, 201)
	answer.Cookies = cookies
	return answer, nil
}

// beginSession logs the user of the call in and gives the cookies that say so.
func (s *Server) beginSession(c *resource.Call) ([]resource.Cookie, error) {
	return s.sessionCookies(c.Context(), c.User)
}

// sessionCookies begins a session for a user who has proved who it is.
func (s *Server) sessionCookies(ctx context.Context, user *auth.User) ([]resource.Cookie, error) {
	key, csrf, expires, err := s.Identity.Sessions.Login(ctx, user)
	if err != nil {
		return nil, err
	}
	age := int(time.Until(expires).Seconds())
	return []resource.Cookie{{Name: auth.SessionCookie, Value: key, MaxAge: age, HTTPOnly: true}, {Name: auth.CSRFCookie, Value: csrf, MaxAge: age}}, nil
}

func (s *Server) logout(c *resource.Call) (*resource.Answer, error) {
	if key := c.Cookie(auth.SessionCookie); key != "" {
		if err := s.Identity.Sessions.Logout(c.Context(), key); err != nil {
			return nil, err
		}
	}
	return &resource.Answer{Status: 204, Cookies: []resource.Cookie{{Name: auth.SessionCookie}, {Name: auth.CSRFCookie}}}, nil
}

func whoIs(c *resource.Call, status int) *resource.Answer {
	id := strconv.FormatInt(c.User.ID, 10)
	show := c.Show()
	show.Raw(`{"pulp_href":`)
	show.Href("users/" + id + "/")
	show.Raw(`,"prn":`)
	show.String(ident.PRN("auth.user", id))
	show.Raw(`,"username":`)
	show.String(c.User.Username)
	show.Raw("}")
	return &resource.Answer{Status: status, JSON: show.Bytes()}
}
