package auth

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

// The names that a session goes by on the wire (rest-contract, authentication).
const (
	// SessionCookie carries the key of a session.
	SessionCookie = "sessionid"
	// CSRFCookie carries its token, and CSRFHeader repeats that in requests that change something.
	CSRFCookie, CSRFHeader = "csrftoken", "X-CSRFToken"
)

// tokenName is the user name under which a token can be sent as a password whomever it belongs to.
const tokenName = "__token__"

// Identifier finds out who sends a request. It looks at the Authorization header, then at the session, then at what a
// trusted proxy says; the first that is there decides. Identifier.Identify is an Identify.
type Identifier struct {
	// Users, Passwords, Sessions and Tokens are required.
	Users     *Users
	Passwords *Authenticator
	Sessions  *Sessions
	Tokens    *Tokens
	// Proxies are those whose word is taken about the client's address and the user.
	Proxies Proxies
	// Remote says how a trusted proxy names the user; its zero value is off.
	Remote RemoteUsers
}

// Identify finds out who sends a request; see the type Identify. The address of the client is for the counting of failed
// log-ins.
func (i *Identifier) Identify(ctx context.Context, r Credentials) (*User, error) {
	ctx = WithClient(ctx, i.Proxies.Client(r))
	header, one := single(r, "Authorization")
	switch {
	case !one:
		return nil, errs.New(errs.Unauthenticated, "The header Authorization was sent twice; send it once.")
	case header != "":
		return i.authorization(ctx, r, header)
	}
	if key := r.Cookie(SessionCookie); key != "" {
		if user, err := i.session(ctx, r, key); user != nil || err != nil {
			return user, err
		}
	}
	if i.Proxies.Trusts(r.Peer()) {
		return i.Remote.user(ctx, i.Users, r)
	}
	return nil, nil
}

// authorization reads the schemes Basic (RFC 7617) and Bearer (RFC 6750).
func (i *Identifier) authorization(ctx context.Context, r Credentials, header string) (*User, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return i.Tokens.Token(ctx, strings.TrimSpace(rest))
	case !strings.EqualFold(scheme, "Basic"):
		return nil, errs.New(errs.Unauthenticated, "Only the schemes Basic and Bearer are known here; use one of them.")
	}
	// A browser that was once told name and password sends them along with the forms of other sites' pages too.
	if from, one := single(r, "Sec-Fetch-Site"); !isSafe(r.Method()) && (!one || from == "cross-site") {
		return nil, errs.New(errs.Forbidden, "CSRF Failed: the request comes from a page of another site; send it from here.")
	}
	name, password, err := parseBasic(rest)
	if err != nil {
		return nil, err
	}
	if IsToken(password) {
		return i.tokenAsPassword(ctx, name, password)
	}
	return i.Passwords.Basic(ctx, name, password)
}

// tokenAsPassword is for clients that know nothing but names and passwords.
func (i *Identifier) tokenAsPassword(ctx context.Context, name, text string) (*User, error) {
	user, err := i.Tokens.Token(ctx, text)
	if err != nil {
		return nil, err
	}
	if name != user.Username && name != tokenName {
		return nil, tokenRefused()
	}
	return user, nil
}

// parseBasic reads name and password; the pair is UTF-8, or Latin-1 when it is not valid UTF-8.
func parseBasic(encoded string) (name, password string, err error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
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
func (i *Identifier) session(ctx context.Context, r Credentials, key string) (*User, error) {
	user, csrf, err := i.Sessions.Session(ctx, key)
	if errs.Is(err, errs.Unauthenticated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if isSafe(r.Method()) {
		return user, nil
	}
	if header, one := single(r, CSRFHeader); !one || CheckCSRF(csrf, header) != nil {
		return nil, errs.New(errs.Forbidden, "CSRF Failed: send the value of the cookie %s in the header %s.", CSRFCookie, CSRFHeader)
	}
	return user, nil
}

// isSafe tells methods that change nothing (RFC 9110, section 9.2.1).
func isSafe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

var _ Identify = (*Identifier)(nil).Identify
