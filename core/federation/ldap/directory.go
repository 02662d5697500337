package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// errDown marks errors that say nothing about the person: the directory is away, or does not let us look.
var errDown = errors.New("the directory is down")

// maxGroups bounds how many groups of a person are read.
const maxGroups = 10000

// directory asks a directory. Each log-in has a connection of its own, for a bind is the connection's.
type directory struct {
	settings config.LDAP
	trust    *tls.Config
}

// logIn finds the person of a name and tries the password. NotFound is a name that nobody has, Unauthenticated a wrong
// password, errDown everything that is not the person's fault.
func (d directory) logIn(ctx context.Context, name, password string) (*person, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: connect: %w", errDown, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if d.settings.BindDN != "" {
		if err := conn.Bind(d.settings.BindDN, d.settings.BindPassword.Reveal()); err != nil {
			return nil, fmt.Errorf("%w: bind as bind_dn: %w", errDown, err)
		}
	}
	found, err := d.find(conn, name)
	if err != nil {
		return nil, err
	}
	// Groups come first: the person may not be allowed to look.
	if found.groups, err = d.groups(conn, found); err != nil {
		return nil, err
	}
	return found, tryPassword(conn, found.dn, password)
}

// connect gives a connection that ends with ctx; without TLS only where the settings say so.
func (d directory) connect(ctx context.Context) (*ldap.Conn, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(d.settings.Timeout)
	}
	dialer := &net.Dialer{Deadline: deadline}
	conn, err := ldap.DialURL(d.settings.URL, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(d.trust.Clone()))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(time.Until(deadline))
	if d.settings.StartTLS {
		if err := conn.StartTLS(d.named()); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("begin TLS: %w", err)
		}
	}
	return conn, nil
}

// named is the trust with the name that the certificate must be for.
func (d directory) named() *tls.Config {
	trust := d.trust.Clone()
	host := strings.TrimRight(strings.TrimPrefix(d.settings.URL, "ldap://"), "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	trust.ServerName = strings.Trim(host, "[]")
	return trust
}

// find looks the person up. Two people under one name are as bad as none: nobody knows whose password counts.
func (d directory) find(conn *ldap.Conn, name string) (*person, error) {
	s := d.settings
	entries, err := d.search(conn, s.UserBase, filter(s.UserFilter, map[byte]string{'s': name}), 2,
		s.UsernameAttribute, s.FirstNameAttribute, s.LastNameAttribute, s.EmailAttribute)
	if err != nil {
		return nil, fmt.Errorf("look for the person: %w", err)
	}
	switch len(entries) {
	case 0:
		return nil, errs.New(errs.NotFound, "nobody has this name")
	case 1:
	default:
		return nil, errs.New(errs.Unauthenticated, "several people have this name; make user_filter or user_base narrower")
	}
	e := entries[0]
	found := &person{dn: e.DN, username: e.GetEqualFoldAttributeValue(s.UsernameAttribute), first: e.GetEqualFoldAttributeValue(s.FirstNameAttribute),
		last: e.GetEqualFoldAttributeValue(s.LastNameAttribute), email: e.GetEqualFoldAttributeValue(s.EmailAttribute)}
	if found.dn == "" || found.username == "" {
		return nil, errs.New(errs.Unauthenticated, "the entry %q has no %s; set username_attribute to one that all have", found.dn, s.UsernameAttribute)
	}
	return found, nil
}

func (d directory) groups(conn *ldap.Conn, p *person) ([]string, error) {
	s := d.settings
	if s.GroupBase == "" {
		return nil, nil
	}
	entries, err := d.search(conn, s.GroupBase, filter(s.GroupFilter, map[byte]string{'s': p.dn, 'u': p.username}), maxGroups, s.GroupNameAttribute)
	if err != nil {
		return nil, fmt.Errorf("look for the groups of %s: %w", p.dn, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.GetEqualFoldAttributeValue(s.GroupNameAttribute))
	}
	return names, nil
}

// search follows no referral: they would lead the bind's password to hosts that nobody named.
func (d directory) search(conn *ldap.Conn, base, filter string, most int, attributes ...string) ([]*ldap.Entry, error) {
	named := make([]string, 0, len(attributes))
	for _, a := range attributes {
		if a != "" {
			named = append(named, a)
		}
	}
	seconds := max(1, int(d.settings.Timeout.Seconds()))
	found, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, most, seconds, false, filter, named, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, errs.New(errs.Unauthenticated, "the directory found more than %d entries; make the filter or the base narrower", most)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDown, err)
	}
	return found.Entries, nil
}

// tryPassword binds as the person.
func tryPassword(conn *ldap.Conn, dn, password string) error {
	err := conn.Bind(dn, password)
	switch {
	case err == nil:
		return nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultUnwillingToPerform,
		ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultConstraintViolation, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax):
		return errs.New(errs.Unauthenticated, "the directory refused the password of %s: %w", dn, err)
	}
	return fmt.Errorf("%w: bind as %s: %w", errDown, dn, err)
}
