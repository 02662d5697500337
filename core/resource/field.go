package resource

import (
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Field is one member of a resource or of a request body M.
type Field[M any] struct {
	// Name is the member's name on the wire.
	Name string

	doc      string
	label    string // the name as JSON and a colon
	schema   Schema
	column   string
	pointer  func(*M) any
	show     func(*Show, *M)
	read     func(*Input, *M, any) error
	zero     func(*M)
	fallback any
	initial  any
	filters  []func(name, column string) []Filter
	purpose  string // of a column that holds sealed values

	required, nullable, blank, readOnly, writeOnly, optional, hidden, derived, relation, file, ignored bool
}

// name writes the label once, when the resource is mounted; later it is only read.
func (f *Field[M]) name() {
	if f.label == "" {
		f.label = string(appendQuoted(nil, f.Name)) + ":"
	}
}

// Required makes the member one that a create or a PUT must carry.
func (f Field[M]) Required() Field[M] { f.required = true; return f }

// ReadOnly shows the member; in a request it is ignored.
func (f Field[M]) ReadOnly() Field[M] { f.readOnly = true; return f }

// WriteOnly takes the member and never shows it.
func (f Field[M]) WriteOnly() Field[M] { f.writeOnly = true; return f }

// Default is the value of an absent member on create and PUT, in the form in which JSON decodes it.
func (f Field[M]) Default(value any) Field[M] { f.fallback = value; return f }

// Doc describes the member for the OpenAPI document.
func (f Field[M]) Doc(text string) Field[M] { f.doc = text; return f }

// Column names the qualified column that keeps the member: "m." for the master table, "d." for the resource's own.
func (f Field[M]) Column(name string) Field[M] { f.column = name; return f }

// Initially is the value of a read-only member in a new row.
func (f Field[M]) Initially(value any) Field[M] { f.initial = value; return f }

// Optional keeps an absent boolean of a form at its default, where the contract escapes the rule of HTML forms.
func (f Field[M]) Optional() Field[M] { f.optional = true; return f }

// Derived marks a column that is read by a join and never written.
func (f Field[M]) Derived() Field[M] { f.derived, f.readOnly = true, true; return f }

// Unstored keeps the member out of the table.
func (f Field[M]) Unstored() Field[M] { f.column = ""; return f }

// Schema changes the member's schema for the OpenAPI document.
func (f Field[M]) Schema(key string, value any) Field[M] {
	f.schema = f.schema.with(key, value)
	return f
}

// Filters adds filters over the member's column to lists.
func (f Field[M]) Filters(families ...func(name, column string) []Filter) Field[M] {
	f.filters = append(f.filters[:len(f.filters):len(f.filters)], families...)
	return f
}

// Check adds a rule; its error is told under the member's name. It runs after the value was read into the row.
func (f Field[M]) Check(rule func(m *M) error) Field[M] {
	read := f.read
	f.read = func(in *Input, m *M, value any) error {
		if err := read(in, m, value); err != nil {
			return err
		}
		return rule(m)
	}
	return f
}

// CheckIn is Check for rules that look at more than the row.
func (f Field[M]) CheckIn(rule func(in *Input, m *M) error) Field[M] {
	read := f.read
	f.read = func(in *Input, m *M, value any) error {
		if err := read(in, m, value); err != nil {
			return err
		}
		return rule(in, m)
	}
	return f
}

// Ignored is a member that requests may carry without any effect; it is neither shown nor described.
func Ignored[M any](name string) Field[M] {
	return Field[M]{Name: name, hidden: true, readOnly: true, ignored: true}
}

// Hidden is a column that is stored and loaded but no member of the wire form.
func Hidden[M any, T any](column string, pointer func(*M) *T) Field[M] {
	return Field[M]{Name: column, column: column, pointer: func(m *M) any { return pointer(m) }, hidden: true, readOnly: true}
}

// Joined is a column of a join that other members are shown from; it is loaded and never stored.
func Joined[M any, T any](column string, pointer func(*M) *T) Field[M] {
	return Hidden(column, pointer).Derived()
}

// Computed is a read-only member made from the row.
func Computed[M any](name string, schema Schema, show func(s *Show, m *M)) Field[M] {
	return Field[M]{Name: name, schema: schema, show: show, readOnly: true}
}

// stored makes a field over a pointer into the row.
func stored[M any, T any](name string, schema Schema, pointer func(*M) *T, show func(*Show, T), parse func(*Input, any) (T, error)) Field[M] {
	return Field[M]{
		Name: name, schema: schema, column: "d." + name,
		pointer: func(m *M) any { return pointer(m) },
		show:    func(s *Show, m *M) { show(s, *pointer(m)) },
		read: func(in *Input, m *M, value any) error {
			v, err := parse(in, value)
			if err == nil {
				*pointer(m) = v
			}
			return err
		},
		zero: func(m *M) { var none T; *pointer(m) = none },
	}
}

// nullable makes a field over a pointer that may be nil, from the show and parse of its value.
func nullable[M any, T any](name string, schema Schema, pointer func(*M) **T, show func(*Show, T), parse func(*Input, any) (T, error)) Field[M] {
	f := stored(name, schema.OrNull(), pointer,
		func(s *Show, v *T) {
			if v == nil {
				s.Raw("null")
				return
			}
			show(s, *v)
		},
		func(in *Input, value any) (*T, error) {
			if value == nil {
				return nil, nil
			}
			v, err := parse(in, value)
			if err != nil {
				return nil, err
			}
			return &v, nil
		})
	f.nullable = true
	return f
}

// Text is a string: trimmed, neither null nor blank.
func Text[M any](name string, pointer func(*M) *string) Field[M] {
	return stored(name, stringSchema().with("minLength", 1), pointer, (*Show).String, parseText)
}

// NullText is a string or null; the blank string is refused.
func NullText[M any](name string, pointer func(*M) **string) Field[M] {
	return nullable(name, stringSchema().with("minLength", 1), pointer, (*Show).String, parseText)
}

// BlankText is a string that may be blank.
func BlankText[M any](name string, pointer func(*M) *string) Field[M] {
	return stored(name, stringSchema(), pointer, (*Show).String, parseBlankText)
}

// Int is a 64-bit integer of at least low.
func Int[M any](name string, low int64, pointer func(*M) *int64) Field[M] {
	return stored(name, integerSchema().with("minimum", low), pointer, (*Show).Int, parseInt(low))
}

// NullInt is an integer of at least low, or null.
func NullInt[M any](name string, low int64, pointer func(*M) **int64) Field[M] {
	return nullable(name, integerSchema().with("minimum", low), pointer, (*Show).Int, parseInt(low))
}

// NullFloat is a number of at least low, or null.
func NullFloat[M any](name string, low float64, pointer func(*M) **float64) Field[M] {
	return nullable(name, Schema{"type": "number", "format": "double", "minimum": low}, pointer, (*Show).Float, parseFloat(low))
}

// OneOf is one of fixed texts.
func OneOf[M any, T ~string](name string, pointer func(*M) *T, choices ...T) Field[M] {
	return stored(name, stringSchema().with("enum", choices), pointer, func(s *Show, v T) { s.String(string(v)) }, func(in *Input, value any) (T, error) {
		text, err := parseBlankText(in, value)
		if err == nil && !slices.Contains(choices, T(text)) {
			err = wrong("%q is not a valid choice.", text)
		}
		return T(text), err
	})
}

// Bool is true or false.
func Bool[M any](name string, pointer func(*M) *bool) Field[M] {
	return stored(name, booleanSchema(), pointer, (*Show).Bool, parseBool)
}

// Time is a moment.
func Time[M any](name string, pointer func(*M) *time.Time) Field[M] {
	return stored(name, formatSchema("date-time"), pointer, (*Show).Time, parseTime)
}

// NullTime is a moment or null.
func NullTime[M any](name string, pointer func(*M) **time.Time) Field[M] {
	return nullable(name, formatSchema("date-time"), pointer, (*Show).Time, parseTime)
}

// JSON is any JSON value, shown as it is stored.
func JSON[M any](name string, pointer func(*M) *model.JSON) Field[M] {
	return stored(name, Schema{}, pointer, func(s *Show, j model.JSON) {
		if len(j) == 0 {
			s.Raw("null")
			return
		}
		s.Raw(string(j))
	}, func(_ *Input, value any) (model.JSON, error) {
		text, err := Marshal(value)
		return text, err
	})
}

// JSONOf is a JSON value of a schema, or null. In a form it is JSON text.
func JSONOf[M any](name string, schema Schema, pointer func(*M) *model.JSON, check func(model.JSON) error) Field[M] {
	f := JSON(name, pointer)
	f.schema, f.nullable = schema.OrNull(), true
	f.read = func(in *Input, m *M, value any) error {
		if value == nil {
			*pointer(m) = nil
			return nil
		}
		raw, err := jsonValue(in, value)
		if err == nil {
			err = check(raw)
		}
		if err == nil {
			*pointer(m) = raw
		}
		return err
	}
	return f
}

func jsonValue(in *Input, value any) (model.JSON, error) {
	if text, ok := value.(string); ok && in.Form {
		var err error
		if value, err = decodeJSON([]byte(text)); err != nil {
			return nil, wrong("Value must be valid JSON.")
		}
	}
	return Marshal(value)
}

// Conceal loads a member and does not show it.
func Conceal[M any](f Field[M]) Field[M] {
	f.show, f.hidden = nil, true
	return f
}

// FileAs takes the bytes of a multipart part that the operation receives in its own way, as a value of type T.
func FileAs[M any, T any](name string, pointer func(*M) **T) Field[M] {
	f := stored(name, Schema{"type": "string", "format": "binary"}, pointer, func(*Show, *T) {},
		func(_ *Input, value any) (*T, error) {
			file, ok := value.(*T)
			if !ok {
				return nil, errs.New(errs.Invalid, "The submitted data was not a file. Send it as a multipart part with a file name.")
			}
			return file, nil
		})
	f.column, f.writeOnly, f.file = "", true, true
	return f
}

// Texts is a list of strings.
func Texts[M any](name string, pointer func(*M) *[]string) Field[M] {
	f := stored(name, arraySchema(stringSchema()), pointer, (*Show).Strings, parseTexts)
	return f.Unstored()
}

// TextList is a list of strings, which may be blank; null leaves it as it is. What is taken and what is shown may stand
// in different places.
func TextList[M any](name string, taken func(*M) *[]string, shown func(*M) []string) Field[M] {
	f := stored(name, arraySchema(stringSchema()), taken, (*Show).Strings, parseBlankTexts)
	f.show = func(s *Show, m *M) { s.Strings(shown(m)) }
	return f.keptByNull().Unstored()
}

// keptByNull lets null leave the member as it is.
func (f Field[M]) keptByNull() Field[M] {
	read := f.read
	f.read = func(in *Input, m *M, value any) error {
		if value == nil {
			return nil
		}
		return read(in, m, value)
	}
	return f
}

// File takes the bytes of a multipart part. They are received and hashed while the body is read; the pointer then
// leads to what was received.
func File[M any](name string, pointer func(*M) **Incoming) Field[M] { return FileAs(name, pointer) }

// AnyJSON is a JSON value of a schema, null among them, which is kept as JSON too. In a form it is JSON text.
func AnyJSON[M any](name string, schema Schema, pointer func(*M) *model.JSON) Field[M] {
	f := JSON(name, pointer)
	f.schema = schema
	f.read = func(in *Input, m *M, value any) error {
		raw, err := jsonValue(in, value)
		if err == nil {
			*pointer(m) = raw
		}
		return err
	}
	return f
}
