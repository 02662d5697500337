package auth

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/ident"
)

// Object is something that permissions are about. The zero Object is nothing in particular.
type Object struct {
	// Model is its label, such as "file.filerepository".
	Model string
	// ID is its identity: a UUID, or the number of a user or group.
	ID string
}

// PRN names the object; "" for the zero Object.
func (o Object) PRN() string {
	if o.ID == "" {
		return ""
	}
	return ident.PRN(o.Model, o.ID)
}

// Key is the identity as assignments store it: numbers become the last part of a UUID.
func (o Object) Key() string { return ObjectKey(o.ID) }

// ObjectKey is the identity of an object as assignments store it.
func ObjectKey(id string) string {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && n >= 0 {
		return fmt.Sprintf("%s%012d", numbered, n)
	}
	return id
}

// ObjectID gives back what ObjectKey was given.
func ObjectID(key string) string {
	if rest, ok := strings.CutPrefix(key, numbered); ok {
		if n, err := strconv.ParseInt(rest, 10, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
	}
	return key
}

// numbered begins the keys of objects with integer identities; no UUID of version 7 begins so.
const numbered = "00000000-0000-0000-0000-"
