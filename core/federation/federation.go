// Package federation keeps users whom somebody else vouches for: a directory (folder ldap) or an OpenID Connect provider
// (folder oidc). Such a person becomes a real user with a row of core_users, so that roles, groups, tokens and the audit
// log know them like everybody else. Folder exchange turns tokens of other issuers into short-lived ones of ours.
//
// Two rules hold everywhere. A source only ever touches users whom it made itself: a name that somebody else has here is
// refused, never taken over. And a user who was deactivated here stays out, whatever the source says.
package federation

import (
	"log/slog"
	"time"
)

// Profile is what a source says of a person who has proved who they are.
type Profile struct {
	Username, FirstName, LastName, Email string
	// Groups are the names of the person's groups, in the words of the source.
	Groups []string
	// Superuser, when set, is whether the person passes every permission; nil leaves that as it is.
	Superuser *bool
}

// Source is who vouches, and what its word is good for.
type Source struct {
	// Origin is what User.Origin holds: "ldap" or "oidc:<provider>".
	Origin string
	// Groups leads from names of groups at the source to names of groups here. Memberships of groups that are named here
	// follow the source, all others are left alone.
	Groups map[string]string
	// Create allows users to be made for persons who come for the first time.
	Create bool
}

// Identity is what an issuer calls a person: the subject is never given to another person (OpenID Connect Core 1.0,
// section 2).
type Identity struct {
	Provider, Issuer, Subject string
}

// identityRow is a row of core_user_identities.
type identityRow struct {
	Provider    string `gorm:"primaryKey"`
	Issuer      string `gorm:"primaryKey"`
	Subject     string `gorm:"primaryKey"`
	UserID      int64
	PulpCreated time.Time
}

// TableName is the table of the rows.
func (identityRow) TableName() string { return "core_user_identities" }

// LogValue shows whom the issuer speaks of to log handlers.
func (i Identity) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", i.Provider), slog.String("issuer", i.Issuer), slog.String("subject", i.Subject))
}

var _ slog.LogValuer = Identity{}
