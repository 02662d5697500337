package testkit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// LDAPVariable says where the directory is.
const LDAPVariable = "PACKHOUSE_TEST_LDAP"

// Directory is a part of the directory of the tests that no other test knows.
type Directory struct {
	// URL is the address of the server, without TLS; it can begin TLS with a certificate that CAFile holds.
	URL, CAFile string
	// Base is the entry that this part is below; People and Groups are below it.
	Base, People, Groups string
	// BindDN and BindPassword may do everything.
	BindDN, BindPassword string

	t testing.TB
}

// LDAP gives an empty part of the directory; it stays until the server ends.
func LDAP(t testing.TB) *Directory {
	t.Helper()
	u, err := url.Parse(variable(t, LDAPVariable))
	if err != nil {
		t.Fatalf("%s is no URL: %v", LDAPVariable, err)
	}
	password, _ := u.User.Password()
	base := "ou=" + randomName("test-") + "," + strings.Trim(u.Path, "/")
	d := &Directory{URL: "ldap://" + u.Host, CAFile: u.Query().Get("ca"), Base: base, People: "ou=people," + base, Groups: "ou=groups," + base,
		BindDN: u.User.Username(), BindPassword: password, t: t}
	for _, dn := range []string{d.Base, d.People, d.Groups} {
		d.Add(dn, map[string][]string{"objectClass": {"organizationalUnit"}})
	}
	return d
}

// Add adds an entry; the attribute that names it follows from dn.
func (d *Directory) Add(dn string, attributes map[string][]string) {
	d.t.Helper()
	d.do(func(c *ldap.Conn) error {
		entry := ldap.NewAddRequest(dn, nil)
		for name, values := range attributes {
			entry.Attribute(name, values)
		}
		return c.Add(entry)
	})
}

// Person adds a person and gives the entry's name. The password is kept as it is.
func (d *Directory) Person(uid, password string) (dn string) {
	d.t.Helper()
	dn = "uid=" + ldap.EscapeDN(uid) + "," + d.People
	d.Add(dn, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {uid}, "givenName": {"Given " + uid}, "sn": {"Family"},
		"mail": {"person@example.org"}, "userPassword": {password}})
	return dn
}

// Group adds a group of people, of which there must be one at least.
func (d *Directory) Group(name string, members ...string) {
	d.t.Helper()
	d.Add("cn="+ldap.EscapeDN(name)+","+d.Groups, map[string][]string{"objectClass": {"groupOfNames"}, "member": members})
}

// Set replaces the values of an attribute.
func (d *Directory) Set(dn, attribute string, values ...string) {
	d.t.Helper()
	d.do(func(c *ldap.Conn) error {
		change := ldap.NewModifyRequest(dn, nil)
		change.Replace(attribute, values)
		return c.Modify(change)
	})
}

// Remove deletes an entry.
func (d *Directory) Remove(dn string) {
	d.t.Helper()
	d.do(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn, nil)) })
}

// do does one thing on a connection of its own.
func (d *Directory) do(work func(*ldap.Conn) error) {
	d.t.Helper()
	c, err := ldap.DialURL(d.URL)
	if err != nil {
		d.t.Fatalf("connect to the directory of the tests: %v", err)
	}
	defer c.Close()
	c.SetTimeout(patience)
	if err := c.Bind(d.BindDN, d.BindPassword); err != nil {
		d.t.Fatalf("log in to the directory of the tests: %v", err)
	}
	if err := work(c); err != nil {
		d.t.Fatalf("change the directory of the tests: %v", err)
	}
}
