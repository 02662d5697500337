package api

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// openToAll marks operations that bad credentials do not keep from.
const openToAll = auth.Anyone

// The cookies of a session.
const (
	sessionCookie = "sessionid"
	csrfCookie    = "csrftoken"
	csrfHeader    = "X-CSRFToken"
)

// authenticate finds out who asks: by Basic credentials, by session, or nobody.
func (s *Server) authenticate(ctx context.Context, c *fiber.Ctx) (*auth.User, error) {
	if header := c.Get(fiber.HeaderAuthorization); header != "" {
		name, password, err := basic(header)
		if err != nil {
			return nil, err
		}
		return s.Authenticator.Basic(ctx, name, password)
	}
	if key := c.Cookies(sessionCookie); key != "" {
		return s.session(ctx, c, key)
	}
	return nil, nil
}

// basic reads the Basic scheme (RFC 7617); the pair is UTF-8, or Latin-1 when it is not valid UTF-8.
func basic(header string) (name, password string, err error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", errs.New(errs.Unauthenticated, "Only the Basic scheme is known here.")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", errs.New(errs.Unauthenticated, "Invalid basic header. Credentials not correctly base64 encoded.")
	}
	text := string(raw)
	if !utf8.ValidString(text) {
		runes := make([]rune, len(raw))
		for i, b := range raw {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	name, password, found := strings.Cut(text, ":")
	if !found || strings.ContainsRune(text, 0) {
		return "", "", errs.New(errs.Unauthenticated, "Invalid basic header. Credentials are a name, a colon and a password.")
	}
	return name, password, nil
}

// session gives the session's user; requests that change something must carry its CSRF token. A session that is over
// counts as no log-in.
func (s *Server) session(ctx context.Context, c *fiber.Ctx, key string) (*auth.User, error) {
	user, csrf, err := s.Sessions.Session(ctx, key)
	if errs.Is(err, errs.Unauthenticated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch c.Method() {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
		return user, nil
	}
	if err := auth.CheckCSRF(csrf, c.Get(csrfHeader)); err != nil {
		return nil, errs.New(errs.Forbidden, "CSRF Failed: send the value of the cookie %s in the header %s.", csrfCookie, csrfHeader)
	}
	return user, nil
}

func setCookie(c *fiber.Ctx, k resource.Cookie) {
	cookie := &fiber.Cookie{Name: k.Name, Value: k.Value, Path: "/", MaxAge: k.MaxAge, HTTPOnly: k.HTTPOnly, SameSite: "Lax", Secure: c.Protocol() == "https"}
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
		op("logout", "DELETE", map[int]resource.AnswerDoc{204: {Doc: "Logged out."}}, s.logout),
	}
}

func (s *Server) login(c *resource.Call) (*resource.Answer, error) {
	key, csrf, expires, err := s.Sessions.Login(c.Context(), c.User)
	if err != nil {
		return nil, err
	}
	age := int(time.Until(expires).Seconds())
	answer := whoIs(c, 201)
	answer.Cookies = []resource.Cookie{{Name: sessionCookie, Value: key, MaxAge: age, HTTPOnly: true}, {Name: csrfCookie, Value: csrf, MaxAge: age}}
	return answer, nil
}

func (s *Server) logout(c *resource.Call) (*resource.Answer, error) {
	if key := c.Cookie(sessionCookie); key != "" {
		if err := s.Sessions.Logout(c.Context(), key); err != nil {
			return nil, err
		}
	}
	return &resource.Answer{Status: 204, Cookies: []resource.Cookie{{Name: sessionCookie}, {Name: csrfCookie}}}, nil
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
