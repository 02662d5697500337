package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

// The longest values, in characters (rest-contract, users).
const (
	maxName  = 150
	maxEmail = 254
)

// CheckUser finds every fault of the attributes of a user that somebody else than CreateUser stores: an Invalid error by
// field.
func CheckUser(u *User) error { return checkUser(u) }

// checkUser finds every fault of what was given about a user at once.
func checkUser(u *User) error {
	fields := make(map[string]any)
	for name, fault := range map[string]string{
		"username":   usernameFault(u.Username),
		"first_name": textFault(u.FirstName, maxName),
		"last_name":  textFault(u.LastName, maxName),
		"email":      emailFault(u.Email),
	} {
		if fault != "" {
			fields[name] = []string{fault}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &errs.Error{Kind: errs.Invalid, Fields: fields}
}

// usernameFault refuses a colon, which basic authentication cannot carry in a name (RFC 7617, section 2), and spaces
// at the ends, which nobody sees.
func usernameFault(name string) string {
	switch {
	case name == "":
		return "This field may not be blank."
	case strings.Contains(name, ":"):
		return "A username cannot contain a colon; leave it out."
	case strings.TrimSpace(name) != name:
		return "A username cannot start or end with a space; leave it out."
	}
	return textFault(name, maxName)
}

func emailFault(email string) string {
	if email == "" {
		return ""
	}
	local, host, ok := strings.Cut(email, "@")
	if !ok || local == "" || host == "" || strings.ContainsFunc(email, unicode.IsSpace) {
		return "Enter a valid email address."
	}
	return textFault(email, maxEmail)
}

// textFault refuses what does not fit or cannot be stored: PostgreSQL takes neither NUL nor broken UTF-8.
func textFault(text string, most int) string {
	switch {
	case utf8.RuneCountInString(text) > most:
		return fmt.Sprintf("Ensure this field has no more than %d characters.", most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "Control characters and broken UTF-8 are not allowed; leave them out."
	}
	return ""
}
