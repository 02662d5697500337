package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// minPassword is in characters, maxPassword in bytes: hashing gets no more than that from outside.
	minPassword = 8
	maxPassword = 4096
	// tooAlike is the share of characters from which on a password counts as made of an attribute.
	tooAlike = 0.7
)

// CheckPassword tells whether a user may have the password: not too short or long, not only digits, not one of the
// passwords that everybody tries, not made of the user's own name or address. All faults come at once, as an Invalid
// error under the name of the field that the password came in.
func CheckPassword(field, password string, user *User) error {
	var faults []string
	if utf8.RuneCountInString(password) < minPassword {
		faults = append(faults, fmt.Sprintf("This password is too short; use at least %d characters.", minPassword))
	}
	if len(password) > maxPassword {
		// Comparing a text of any length would be work for nothing.
		return errs.Field(field, "This password is too long; use at most %d bytes.", maxPassword)
	}
	if name := alike(password, user); name != "" {
		faults = append(faults, fmt.Sprintf("This password is too similar to the %s; choose another one.", name))
	}
	if isCommon(password) {
		faults = append(faults, "This password is too common; choose another one.")
	}
	if password != "" && strings.TrimFunc(password, unicode.IsDigit) == "" {
		faults = append(faults, "This password is entirely numeric; add letters.")
	}
	if len(faults) == 0 {
		return nil
	}
	return &errs.Error{Kind: errs.Invalid, Fields: map[string]any{field: faults}}
}

// alike names the attribute of the user that the password resembles, "" when there is none.
func alike(password string, user *User) string {
	if user == nil {
		return ""
	}
	for _, a := range []struct{ name, value string }{
		{"username", user.Username}, {"first name", user.FirstName}, {"last name", user.LastName}, {"email address", user.Email},
	} {
		parts := strings.FieldsFunc(a.value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
		for _, part := range append(parts, a.value) {
			if part != "" && likeness(strings.ToLower(password), strings.ToLower(part)) >= tooAlike {
				return a.name
			}
		}
	}
	return ""
}

// likeness is the share of characters that two texts have in common, whatever their order: 0 to 1.
func likeness(a, b string) float64 {
	left := make(map[rune]int)
	for _, r := range a {
		left[r]++
	}
	shared := 0
	for _, r := range b {
		if left[r] > 0 {
			left[r]--
			shared++
		}
	}
	return 2 * float64(shared) / float64(utf8.RuneCountInString(a)+utf8.RuneCountInString(b))
}
