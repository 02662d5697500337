package ldap

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// person is what the directory says of somebody whose password was right.
type person struct {
	dn                           string
	username, first, last, email string
	groups                       []string
}

// admits tells whether the person is in the required group.
func (b *Backend) admits(p *person) bool {
	return b.settings.RequiredGroup == "" || p.in(b.settings.RequiredGroup)
}

// in compares as directories do: without case.
func (p *person) in(group string) bool {
	return slices.ContainsFunc(p.groups, func(name string) bool { return strings.EqualFold(name, group) })
}

// profile puts the groups into the spelling of the settings.
func (b *Backend) profile(p *person) federation.Profile {
	profile := federation.Profile{Username: p.username, FirstName: p.first, LastName: p.last, Email: p.email}
	for group := range b.settings.GroupMap {
		if p.in(group) {
			profile.Groups = append(profile.Groups, group)
		}
	}
	if b.settings.SuperuserGroup != "" {
		super := p.in(b.settings.SuperuserGroup)
		profile.Superuser = &super
	}
	return profile
}

// readCertificates reads the certificates that others are checked with.
func readCertificates(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.New(errs.Invalid, "authentication.ldap.ca_file cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errs.New(errs.Invalid, "authentication.ldap.ca_file %s holds no certificate in PEM; name another file", path)
	}
	return pool, nil
}
