package auth

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/errs"
)

// RemoteUsers says how a trusted proxy names the user that it has authenticated. The zero value takes its word on nothing.
type RemoteUsers struct {
	// Header holds the name as it is; "" turns it off (setting authentication.remote_user_header).
	Header string
	// JSONHeader holds base64 of JSON from which Filter selects the name; "" turns it off.
	JSONHeader string
	Filter     *Filter
	// Create makes users that nobody knows; otherwise they are refused.
	Create bool
}

// user gives the user that the proxy names, nil when it names none. The caller has made sure that it is a proxy.
func (p RemoteUsers) user(ctx context.Context, users *Users, r Credentials) (*User, error) {
	name, origin, err := p.name(ctx, r)
	if name == "" || err != nil {
		return nil, err
	}
	// A browser that is logged in at the proxy is so for the pages of others too.
	if from, one := single(r, "Sec-Fetch-Site"); !isSafe(r.Method()) && (!one || from != "" && from != "same-origin" && from != "none") {
		return nil, errs.New(errs.Forbidden, "CSRF Failed: the request comes from a page of another site; send it from here.")
	}
	user, err := p.find(ctx, users, name, origin)
	if err != nil {
		return nil, err
	}
	if !user.mayUsePassword() { // deactivated, or a machine that has tokens
		return nil, unknownRemote()
	}
	user.Via = origin + " header"
	return user, nil
}

func (p RemoteUsers) name(ctx context.Context, r Credentials) (name, origin string, err error) {
	if p.Header != "" {
		name, one := single(r, p.Header)
		if !one {
			return "", "", errs.New(errs.Unauthenticated, "The header %s was sent twice; let the proxy replace it.", p.Header)
		}
		if name != "" {
			return name, "remote", nil
		}
	}
	if p.JSONHeader == "" {
		return "", "", nil
	}
	text, one := single(r, p.JSONHeader)
	if !one {
		return "", "", errs.New(errs.Unauthenticated, "The header %s was sent twice; let the proxy replace it.", p.JSONHeader)
	}
	if text == "" {
		return "", "", nil
	}
	name, err = p.Filter.Name(ctx, text)
	return name, "json", err
}

// find gives the user of a name, which it makes when nobody has it.
func (p RemoteUsers) find(ctx context.Context, users *Users, name, origin string) (*User, error) {
	user, err := users.FindUser(ctx, name)
	if !errs.Is(err, errs.NotFound) {
		return user, err
	}
	if !p.Create {
		return nil, unknownRemote()
	}
	made, failed := users.CreateUser(ctx, User{Username: name, IsActive: true, Origin: origin}, "")
	if failed == nil {
		audit.From(ctx).LoggedIn(made.ID, made.Username, origin+" header") // a request that only reads has made it
		return made, nil
	}
	// Another request may have been first.
	if user, err := users.FindUser(ctx, name); err == nil {
		return user, nil
	}
	if errs.Is(failed, errs.Invalid) {
		return nil, errs.New(errs.Unauthenticated, "The proxy names a user that cannot exist here; see the log of the proxy: %w", failed)
	}
	return nil, fmt.Errorf("create the user that the proxy names: %w", failed)
}

func unknownRemote() error {
	return errs.New(errs.Unauthenticated, "The user that the proxy names may not log in here; ask an administrator.")
}
