package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// checkLDAP checks how people of a directory log in.
func (s Settings) checkLDAP(c *checker) {
	const section = "authentication.ldap."
	l := s.Authentication.LDAP
	if l.URL == "" {
		return
	}
	u, err := url.Parse(l.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		c.must(false, section+"url", "must be ldaps://host, ldap://host or one of these with a port; the rest has settings of its own")
		return
	}
	c.must(u.Scheme == "ldap" || !l.StartTLS, section+"start_tls", "is for ldap:// addresses; ldaps:// has TLS from the start")
	c.must(u.Scheme == "ldaps" || l.StartTLS || l.AllowPlaintext || loopback(u.Host), section+"url", "would send passwords in the clear; use ldaps://, set start_tls, or allow_plaintext if nobody else is on the way")
	c.must(l.BindDN == "" == l.BindPassword.Empty(), section+"bind_password", "must be set when bind_dn is, and only then")
	c.must(l.UserBase != "", section+"user_base", "must name the entry that people are below")
	c.must(l.UsernameAttribute != "", section+"username_attribute", "must name an attribute")
	c.must(strings.Contains(l.UserFilter, "%s"), section+"user_filter", "must hold %%s, which stands for the name that was typed")
	groups := l.RequiredGroup != "" || l.SuperuserGroup != "" || len(l.GroupMap) > 0
	c.must(!groups || l.GroupBase != "", section+"group_base", "must be set for required_group, superuser_group and group_map")
	c.must(l.GroupBase == "" || strings.Contains(l.GroupFilter, "%s") || strings.Contains(l.GroupFilter, "%u"), section+"group_filter", "must hold %%s (the person's entry) or %%u (the user name)")
	c.must(l.GroupBase == "" || l.GroupNameAttribute != "", section+"group_name_attribute", "must name an attribute")
	for group, local := range l.GroupMap {
		c.must(group != "" && local != "", section+"group_map", "must lead from a group to a group; one of the names is empty")
	}
	c.must(l.Timeout > 0 && l.Timeout <= time.Minute, section+"timeout", "%s must be longer than nothing and at most 1m", l.Timeout)
}

// loopback tells whether what goes to a host (and port) stays on this machine.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}
