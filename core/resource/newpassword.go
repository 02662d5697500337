package resource

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/errs"
)

// NewPassword is what a body says of a password that is kept as a hash.
type NewPassword struct {
	// Given tells that the body said something: Plain is nil where it said null.
	Given bool
	Plain *string
	// Hash takes the place of Plain once somebody has made it; see Of.Revise.
	Hash PasswordHash
}

// PasswordHash is the hash of a password. No body can carry one: it gets there from Of.Revise.
type PasswordHash string

// HashedPassword is a member that is taken and never shown: text, kept to the byte, or null. A create or a PUT without it
// says null.
func HashedPassword[M any](name string, pointer func(*M) *NewPassword) Field[M] {
	f := stored(name, stringSchema().with("minLength", 1).OrNull(), pointer, func(*Show, NewPassword) {}, func(in *Input, value any) (NewPassword, error) {
		switch v := value.(type) {
		case nil, json.RawMessage:
			return NewPassword{Given: true}, nil
		case PasswordHash:
			return NewPassword{Given: true, Hash: v}, nil
		case string:
			plain, err := parseExactText(in, v)
			return NewPassword{Given: true, Plain: &plain}, err
		}
		return NewPassword{}, errs.New(errs.Invalid, "Not a valid string.")
	})
	f.nullable, f.writeOnly = true, true
	return f.Unstored().Default(json.RawMessage("null"))
}
