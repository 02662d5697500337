package resource

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// Kind is what the registry knows of a declared resource.
type Kind struct {
	// Path is the list's path below the API root, such as "repositories/file/file".
	Path string
	// Model is the label in PRNs and permissions, such as "file.filerepository".
	Model string
	// Type is the pulp_type, such as "file.file"; empty where a resource has none.
	Type string
	// Table holds the identities.
	Table string
}

// Family is the noun that a kind belongs to: the first segment of its path.
func (k Kind) Family() string { family, _, _ := strings.Cut(k.Path, "/"); return family }

// Object is a resolved reference.
type Object struct {
	Kind Kind
	ID   string
	Path string
}

// PRN is the object's PRN.
func (o Object) PRN() string { return ident.PRN(o.Kind.Model, o.ID) }

// Locator resolves the paths of resources that are not addressed by their identity, such as versions by number. ok is
// false when the path is none of its own.
type Locator func(ctx context.Context, tx *gorm.DB, path string) (id string, ok bool, err error)

// Registry knows every declared kind, so that an href or PRN in a body or filter can be followed.
type Registry struct {
	byModel  map[string]Kind
	byPath   map[string]Kind
	byType   map[string]Kind
	locators []located
	holds    map[string][]string
}

type located struct {
	kind Kind
	find Locator
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{byModel: map[string]Kind{}, byPath: map[string]Kind{}, byType: map[string]Kind{}, holds: map[string][]string{}}
}

// Add makes a kind known. Two kinds of one path, or of one noun and type, are a wiring mistake.
func (r *Registry) Add(k Kind) {
	if _, twice := r.byPath[k.Path]; twice {
		panic("two resources are declared at " + k.Path)
	}
	r.byPath[k.Path] = k
	if _, known := r.byModel[k.Model]; !known {
		r.byModel[k.Model] = k
	}
	if k.Type != "" {
		key := k.Family() + " " + k.Type
		if _, twice := r.byType[key]; twice {
			panic("two resources of " + k.Family() + " have the type " + k.Type)
		}
		r.byType[key] = k
	}
}

// AddLocator makes the paths of a kind known that Add cannot describe.
func (r *Registry) AddLocator(k Kind, find Locator) {
	if _, known := r.byModel[k.Model]; !known {
		r.byModel[k.Model] = k
	}
	r.locators = append(r.locators, located{k, find})
}

// Restrict says which types of content the repositories at a path may hold; without it, all.
func (r *Registry) Restrict(path string, contentTypes ...string) { r.holds[path] = contentTypes }

// Holds tells whether the repositories at a path may hold a type of content.
func (r *Registry) Holds(path, contentType string) bool {
	types := r.holds[path]
	return len(types) == 0 || slices.Contains(types, contentType)
}

// ByType finds the kind of a noun ("repositories") and pulp_type ("file.file").
func (r *Registry) ByType(family, pulpType string) (Kind, bool) {
	k, ok := r.byType[family+" "+pulpType]
	return k, ok
}

// ByModel finds the kind of a model label ("file.filerepository").
func (r *Registry) ByModel(model string) (Kind, bool) {
	k, ok := r.byModel[model]
	return k, ok
}

// Types lists the pulp_types of a noun.
func (r *Registry) Types(family string) []string {
	var types []string
	for _, k := range r.byType {
		if k.Family() == family {
			types = append(types, k.Type)
		}
	}
	return types
}

// Target says which objects a reference may lead to: any of a noun, or those of one model.
type Target struct{ Family, Model string }

func (t Target) admits(k Kind) bool {
	return (t.Family == "" || k.Family() == t.Family) && (t.Model == "" || k.Model == t.Model)
}

// Resolve follows an href, an absolute URL or a PRN to an object of the domain that exists.
func (r *Registry) Resolve(ctx context.Context, tx *gorm.DB, names Names, domain, text string, targets ...Target) (Object, error) {
	object, err := r.locate(ctx, tx, names, text)
	if err != nil {
		return Object{}, err
	}
	for _, t := range targets {
		if t.admits(object.Kind) {
			return object, r.exists(ctx, tx, domain, text, object)
		}
	}
	return Object{}, wrong("%q is of another kind than is wanted here.", text)
}

func (r *Registry) exists(ctx context.Context, tx *gorm.DB, domain, text string, o Object) error {
	var n int64
	where, args := "id = ?", []any{o.ID}
	if domain != "" {
		where, args = where+" AND domain_id = ?", append(args, domain)
	}
	if err := tx.WithContext(ctx).Table(o.Kind.Table).Where(where, args...).Limit(1).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return errs.New(errs.Invalid, "Invalid hyperlink - Object does not exist: %q.", text)
	}
	return nil
}

func (r *Registry) locate(ctx context.Context, tx *gorm.DB, names Names, text string) (Object, error) {
	if strings.HasPrefix(text, "prn:") {
		return r.locatePRN(text)
	}
	path, ok := names.Path(text)
	if !ok {
		return Object{}, wrong("%q is neither an href below %s nor a PRN.", text, names.API())
	}
	return r.locatePath(ctx, tx, path)
}

func (r *Registry) locatePRN(text string) (Object, error) {
	model, id, err := ident.ParsePRN(text)
	if err != nil {
		return Object{}, err
	}
	kind, known := r.byModel[model]
	if !known {
		return Object{}, wrong("%q names the model %q, which is not served here.", text, model)
	}
	id, valid := ident.Parse(id)
	if !valid {
		return Object{}, wrong("%q does not end in a UUID.", text)
	}
	return Object{Kind: kind, ID: id, Path: kind.Path + "/" + id + "/"}, nil
}

func (r *Registry) locatePath(ctx context.Context, tx *gorm.DB, path string) (Object, error) {
	list, last := splitDetail(path)
	if kind, known := r.byPath[list]; known {
		if id, valid := ident.Parse(last); valid {
			return Object{Kind: kind, ID: id, Path: list + "/" + id + "/"}, nil
		}
	}
	for _, l := range r.locators {
		if id, ok, err := l.find(ctx, tx, path); err != nil || ok {
			return Object{Kind: l.kind, ID: id, Path: path}, err
		}
	}
	return Object{}, wrong("Invalid hyperlink - No URL match: %q.", path)
}

// List finds the kind whose list an href is, for filters that take a list for "any object of that type".
func (r *Registry) List(names Names, text string) (Kind, bool) {
	path, ok := names.Path(text)
	if !ok {
		return Kind{}, false
	}
	kind, known := r.byPath[strings.TrimSuffix(path, "/")]
	return kind, known
}

func splitDetail(path string) (list, last string) {
	path = strings.TrimSuffix(path, "/")
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
