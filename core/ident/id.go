// Package ident makes and reads the names of things: identities (UUIDs of version 7), PRNs and hrefs.
package ident

import (
	"time"

	"github.com/google/uuid"
)

// DefaultDomain is the identity of the domain "default", the same in every installation.
const DefaultDomain = "00000000-0000-7000-8000-000000000001"

// New makes an identity: a UUID of version 7 (RFC 9562 §5.7) in text form, in the order of creation within a process.
func New() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic("the system's source of randomness failed: " + err.Error())
	}
	return id.String()
}

// Time gives the moment at which a version-7 identity was made, in UTC and whole microseconds. Rows take it as their
// pulp_created, so that ordering by identity is ordering by creation.
func Time(id string) time.Time {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return time.Time{}
	}
	milli := int64(u[0])<<40 | int64(u[1])<<32 | int64(u[2])<<24 | int64(u[3])<<16 | int64(u[4])<<8 | int64(u[5])
	fraction := int64(u[6]&0x0f)<<8 | int64(u[7]) // twelve bits below the millisecond, here in steps of 256 ns
	return time.UnixMilli(milli).Add(time.Duration(fraction) * 256).UTC().Truncate(time.Microsecond)
}

// Parse checks an identity of any UUID version and gives its canonical lower-case form.
func Parse(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	u, err := uuid.Parse(text)
	if err != nil {
		return "", false
	}
	return u.String(), true
}
