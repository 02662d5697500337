package resource

import (
	"github.com/packhouse/packhouse/core/errs"
)

// Secret is a member that is taken and never shown: text or null, kept sealed for the purpose. A value that is the same
// as the stored one leaves the stored bytes as they are, so that it counts as no change.
func Secret[M any](name, purpose string, pointer func(*M) *[]byte) Field[M] {
	return secretField(name, purpose, pointer, parseText)
}

// Password is a Secret whose leading and trailing blanks belong to it.
func Password[M any](name, purpose string, pointer func(*M) *[]byte) Field[M] {
	return secretField(name, purpose, pointer, parseExactText)
}

func secretField[M any](name, purpose string, pointer func(*M) *[]byte, parse func(*Input, any) (string, error)) Field[M] {
	f := stored(name, stringSchema().with("minLength", 1).OrNull(), pointer, func(*Show, []byte) {}, nil)
	f.read = func(in *Input, m *M, value any) error {
		if value == nil {
			*pointer(m) = nil
			return nil
		}
		plain, err := parse(in, value)
		if err != nil {
			return err
		}
		return in.seal(purpose, plain, pointer(m))
	}
	f.nullable, f.writeOnly = true, true
	return f.Sealed(purpose)
}

// seal puts the sealed text in the place of what was there, unless that is the same text.
func (in *Input) seal(purpose, plain string, into *[]byte) error {
	if in.Box == nil {
		return errs.New(errs.Internal, "no key file was loaded, so no secret can be stored; see the setting db_encryption_key")
	}
	if len(*into) > 0 {
		// What does not open any more, because its key is lost, is replaced: that is how it is mended.
		if before, err := in.Box.Open(purpose, *into); err == nil && string(before) == plain {
			return nil
		}
	}
	sealed, err := in.Box.Seal(purpose, []byte(plain))
	if err == nil {
		*into = sealed
	}
	return err
}

// HiddenFields is the member hidden_fields: it tells which of the secrets are set.
func HiddenFields[M any](secrets ...Field[M]) Field[M] {
	one := objectSchema(map[string]Schema{"name": stringSchema(), "is_set": booleanSchema()}, []string{"name", "is_set"})
	return Computed("hidden_fields", arraySchema(one), func(s *Show, m *M) {
		s.Raw("[")
		for i, f := range secrets {
			if i > 0 {
				s.Raw(",")
			}
			s.Raw(`{"name":`)
			s.String(f.Name)
			s.Raw(`,"is_set":`)
			s.Bool(len(*f.pointer(m).(*[]byte)) > 0)
			s.Raw("}")
		}
		s.Raw("]")
	})
}
