package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
)

// Incoming is a file that was received with a request and is not committed yet.
type Incoming = artifact.Received

// Body is a request body whatever its media type. It can be written as JSON and read again, so a task can carry it.
type Body struct {
	// Form marks form bodies, whose values are all text.
	Form   bool           `json:"form,omitempty"`
	Values map[string]any `json:"values"`
}

// UnmarshalJSON keeps numbers as they were written.
func (b *Body) UnmarshalJSON(text []byte) error {
	type plain Body
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode((*plain)(b))
}

// Input is what a field may look at while it reads its value.
type Input struct {
	Context  context.Context
	DB       *gorm.DB
	Registry *Registry
	Names    Names
	Domain   string
	// Viewer limits references to what may be seen; nil in tasks.
	Viewer *Viewer
	Form   bool
	// Box seals what secret members are given.
	Box *secret.Box
	// Storages opens the storages of domains.
	Storages *domain.Opener
	// ImportPaths are the folders that file:// URLs may lead into.
	ImportPaths []string
	// Kinds are all kinds of tasks, by name.
	Kinds map[string]task.Handler

	// member is the one that is read, named what members lead to.
	member string
	named  map[string]Object
}

// input is what the fields of a body may look at, in a request or a task.
func (e *Env) input(ctx context.Context, tx *gorm.DB, domain string, form bool) *Input {
	return &Input{Context: ctx, DB: tx, Registry: e.Registry, Names: e.Names, Domain: domain, Form: form, Box: e.Box, Storages: e.Storages, ImportPaths: e.ImportPaths, Kinds: e.Kinds}
}

// Resolve follows an href or PRN to an object of the domain.
func (in *Input) Resolve(text string, targets ...Target) (Object, error) {
	o, err := in.Registry.Resolve(in.Context, in.DB, in.Names, in.Viewer, in.Domain, text, targets...)
	if err == nil && in.named != nil {
		in.named[in.member] = o
	}
	return o, err
}

// mode says what an absent member means.
type mode int

const (
	create mode = iota
	replace
	patch
)

// decode reads the members of a body into m. All faults are told at once, by field.
func decode[M any](in *Input, fields []Field[M], body Body, m *M, how mode, lenient bool) error {
	faults := map[string]any{}
	if !lenient {
		unexpected(fields, body, faults)
	}
	for i := range fields {
		f := &fields[i]
		if f.initial != nil && how == create {
			reflect.ValueOf(f.pointer(m)).Elem().Set(reflect.ValueOf(f.initial))
		}
		if f.readOnly {
			continue
		}
		in.member = f.Name
		if err := f.take(in, body, m, how); err != nil {
			fault, err := messages(err)
			if err != nil {
				return err
			}
			faults[f.Name] = fault
		}
	}
	if len(faults) > 0 {
		return &errs.Error{Kind: errs.Invalid, Fields: faults}
	}
	return nil
}

func unexpected[M any](fields []Field[M], body Body, faults map[string]any) {
	known := map[string]bool{"csrfmiddlewaretoken": true}
	for i := range fields {
		known[fields[i].Name] = known[fields[i].Name] || !fields[i].hidden || fields[i].ignored
	}
	for name := range body.Values {
		if first, _, _ := strings.Cut(name, "."); !known[first] {
			faults[first] = []string{"Unexpected field"}
		}
	}
}

func (f *Field[M]) take(in *Input, body Body, m *M, how mode) error {
	value, given := body.Values[f.Name]
	switch {
	case given:
		return f.read(in, m, f.formValue(in, value))
	case how == patch:
		return nil
	case f.required:
		return wrong("This field is required.")
	case body.Form && f.isBool() && !f.optional:
		return f.read(in, m, false) // an unticked box of an HTML form is absent
	case f.fallback != nil:
		return f.read(in, m, f.fallback)
	case how == create && f.zero != nil && f.nullable:
		f.zero(m)
	}
	return nil
}

// formValue reads what a form can only write as text: null for the empty text of a nullable member, the last of
// repeated keys for anything but lists.
func (f *Field[M]) formValue(in *Input, value any) any {
	if !in.Form {
		return value
	}
	if list, ok := value.([]any); ok && f.schema["type"] != "array" && len(list) > 0 {
		value = list[len(list)-1]
	}
	if text, ok := value.(string); ok && f.nullable && (text == "" && !f.blank || text == "null") {
		return nil
	}
	return value
}

func (f *Field[M]) isBool() bool { return f.schema["type"] == "boolean" }

// messages gives what a client is told of a fault of a field; any other error ends the request.
func messages(err error) (any, error) {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Kind != errs.Invalid {
		return nil, err
	}
	if len(e.Fields) > 0 {
		return e.Fields, nil
	}
	return []string{e.Msg}, nil
}

// decodeJSON reads one JSON value and nothing after it, numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	if !utf8.Valid(text) { // the decoder would put other characters in its place
		return nil, errors.New("the text is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

// Labels is pulp_labels: an object of text to text or null; in forms JSON text.
func Labels[M any](pointer func(*M) *model.Labels) Field[M] {
	schema := Schema{"type": "object", "additionalProperties": Schema{"type": []string{"string", "null"}}}
	f := stored("pulp_labels", schema, pointer, showLabels, parseLabels)
	return f.Column("m.pulp_labels").Default(map[string]any{})
}

func showLabels(s *Show, labels model.Labels) {
	if len(labels) == 0 {
		s.Raw("{}")
		return
	}
	s.Raw("{")
	for i, key := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			s.Raw(",")
		}
		s.String(key)
		s.Raw(":")
		s.NullString(labels[key])
	}
	s.Raw("}")
}

func parseLabels(in *Input, value any) (model.Labels, error) {
	if text, ok := value.(string); ok {
		decoded, err := decodeJSON([]byte(text))
		if err != nil {
			return nil, wrong("Labels must be a JSON object.")
		}
		value = decoded
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrong("Expected a dictionary of items.")
	}
	labels := model.Labels{}
	for key, raw := range object {
		if err := checkLabelKey(key); err != nil {
			return nil, err
		}
		if raw == nil {
			labels[key] = nil
			continue
		}
		text, err := parseBlankText(in, raw)
		if err != nil {
			return nil, wrong("Label %q: %w", key, err)
		}
		if err := checkLabelValue(text); err != nil {
			return nil, err
		}
		labels[key] = &text
	}
	return labels, nil
}

// Reference is an href or PRN of another object of the domain, kept as its identity. path gives the shown object's path.
func Reference[M any](name string, pointer func(*M) *string, path func(*Show, *M) string, targets ...Target) Field[M] {
	f := stored(name, formatSchema("uri"), pointer, (*Show).String, parseReference(targets))
	f.show = func(s *Show, m *M) { s.Href(path(s, m)) }
	f.column, f.relation = "d."+name+"_id", true
	return f
}

// NullReference is a Reference that may be null.
func NullReference[M any](name string, pointer func(*M) **string, path func(*Show, *M) string, targets ...Target) Field[M] {
	f := nullable(name, formatSchema("uri"), pointer, (*Show).String, parseReference(targets))
	f.show = func(s *Show, m *M) { s.Href(path(s, m)) }
	f.column, f.relation = "d."+name+"_id", true
	return f
}

// References is a list of hrefs or PRNs; what is kept are the objects.
func References[M any](name string, pointer func(*M) *[]Object, targets ...Target) Field[M] {
	f := stored(name, arraySchema(stringSchema()), pointer, func(s *Show, objects []Object) { s.Value(len(objects)) },
		func(in *Input, value any) ([]Object, error) {
			texts, err := parseTexts(in, value)
			if err != nil {
				return nil, err
			}
			objects := make([]Object, 0, len(texts))
			for _, text := range texts {
				o, err := in.Registry.locate(in.Context, in.DB, in.Names, text)
				if err != nil {
					return nil, err
				}
				if !admitted(o.Kind, targets) {
					return nil, wrong("%q is of another kind than is wanted here.", text)
				}
				objects = append(objects, o)
			}
			return objects, nil
		})
	return f.Unstored()
}

// ReferencesOrAll is a list of hrefs or PRNs, or the one text "*".
func ReferencesOrAll[M any](name string, pointer func(*M) *[]Object, all func(*M) *bool, targets ...Target) Field[M] {
	f := References(name, pointer, targets...)
	list := f.read
	f.read = func(in *Input, m *M, value any) error {
		texts, err := parseTexts(in, value)
		if err != nil || !slices.Contains(texts, "*") {
			return list(in, m, value)
		}
		if len(texts) > 1 {
			return wrong("Cannot supply content units and '*'.")
		}
		*all(m) = true
		return nil
	}
	return f
}

// NullObject is an href or PRN of which the whole object is kept, or null. It is taken and never shown.
func NullObject[M any](name string, pointer func(*M) **Object, targets ...Target) Field[M] {
	f := nullable(name, formatSchema("uri"), pointer, func(*Show, Object) {}, func(in *Input, value any) (Object, error) {
		text, err := parseText(in, value)
		if err != nil {
			return Object{}, err
		}
		return in.Resolve(text, targets...)
	})
	return f.Unstored().WriteOnly()
}

// AllExist looks whether all objects are there, many at a time; the error is told under the name.
func (in *Input) AllExist(name string, objects []Object) error {
	byModel := map[string][]Object{}
	for _, o := range objects {
		byModel[o.Kind.Model] = append(byModel[o.Kind.Model], o)
	}
	for _, same := range byModel {
		kind := same[0].Kind
		seen, err := in.Viewer.Kind(kind, "id")
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(same, 500) {
			ids := make([]string, len(chunk))
			for i := range chunk {
				ids[i] = chunk[i].ID
			}
			var found []string
			err := in.DB.WithContext(in.Context).Table(kind.Table).Where("domain_id = ? AND id IN ?", in.Domain, ids).Where(seen.SQL, seen.Args...).Pluck("id", &found).Error
			if err != nil {
				return err
			}
			for _, id := range ids {
				if !slices.Contains(found, id) {
					return errs.Field(name, "Could not find the following content units: ['%s']", id)
				}
			}
		}
	}
	return nil
}

func admitted(k Kind, targets []Target) bool {
	for _, t := range targets {
		if t.admits(k) {
			return true
		}
	}
	return len(targets) == 0
}

func parseReference(targets []Target) func(*Input, any) (string, error) {
	return func(in *Input, value any) (string, error) {
		text, err := parseText(in, value)
		if err != nil {
			return "", err
		}
		o, err := in.Resolve(text, targets...)
		return o.ID, err
	}
}
