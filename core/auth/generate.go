package auth

import (
	"crypto/rand"
	"strings"
)

// GeneratePassword gives a new password of 26 lower-case letters and digits with 130 random bits. It has no letter
// that is taken for a digit, for somebody may have to type it.
func GeneratePassword() string { return strings.ToLower(rand.Text()) }
