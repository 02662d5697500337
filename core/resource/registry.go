package resource

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
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
	// Numbered marks kinds whose identity is a number.
	Numbered bool
	// NoDomain marks kinds whose objects belong to no domain.
	NoDomain bool
	// Sees limits look-ups to what a user may see, with the identity in key; nil for superusers only.
	Sees func(v *Viewer, key string) (Cond, error)
}

// parseID reads an identity of the kind.
func (k Kind) parseID(text string) (string, bool) {
	if !k.Numbered {
		return ident.Parse(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return text, err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}

// key is an identity as its table keeps it.
func (k Kind) key(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && k.Numbered {
		return n
	}
	return id
}

// Family is the noun that a kind belongs to: the first segment of its path.
func (k Kind) Family() string { family, _, _ := strings.Cut(k.Path, "/"); return family }

// Object is a resolved reference.
type Object struct {
	Kind Kind
	ID   string
	Path string
}

// Access is the object as decisions name it.
func (o Object) Access() auth.Object { return auth.Object{Model: o.Kind.Model, ID: o.ID} }

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
	shared   map[string]bool
}

type located struct {
	kind Kind
	find Locator
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{byModel: map[string]Kind{}, byPath: map[string]Kind{}, byType: map[string]Kind{}, holds: map[string][]string{}, shared: map[string]bool{}}
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

// Share says that what stands below a path's first segment belongs to no domain.
func (r *Registry) Share(path string) {
	family, _, _ := strings.Cut(path, "/")
	r.shared[family] = true
}

// Shared tells whether what a path leads to belongs to no domain.
func (r *Registry) Shared(path string) bool {
	family, _, _ := strings.Cut(path, "/")
	return r.shared[family]
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

// Resolve follows an href, an absolute URL or a PRN to an object of the domain that exists and that the viewer may see; one
// that may not be seen is told as one that does not exist.
func (r *Registry) Resolve(ctx context.Context, tx *gorm.DB, names Names, viewer *Viewer, domain, text string, targets ...Target) (Object, error) {
	object, err := r.locate(ctx, tx, names, text)
	if err != nil {
		return Object{}, err
	}
	for _, t := range targets {
		if t.admits(object.Kind) {
			return object, r.exists(ctx, tx, viewer, domain, text, object)
		}
	}
	return Object{}, wrong("%q is of another kind than is wanted here.", text)
}

func (r *Registry) exists(ctx context.Context, tx *gorm.DB, viewer *Viewer, domain, text string, o Object) error {
	seen, err := viewer.Kind(o.Kind, "id")
	if err != nil {
		return err
	}
	if o.ID == "" {
		return noObject(text)
	}
	var n int64
	query := tx.WithContext(ctx).Table(o.Kind.Table).Where("id = ?", o.Kind.key(o.ID)).Where(seen.SQL, seen.Args...)
	if domain != "" && !o.Kind.NoDomain {
		query = query.Where("domain_id = ?", domain)
	}
	if err := query.Limit(1).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return noObject(text)
	}
	return nil
}

func noObject(text string) error {
	return errs.New(errs.Invalid, "Invalid hyperlink - Object does not exist: %q.", text)
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
	id, valid := kind.parseID(id)
	if !valid {
		return Object{}, wrong("%q does not end in an identity.", text)
	}
	return Object{Kind: kind, ID: id, Path: kind.Path + "/" + id + "/"}, nil
}

func (r *Registry) locatePath(ctx context.Context, tx *gorm.DB, path string) (Object, error) {
	list, last := splitDetail(path)
	if kind, known := r.byPath[list]; known {
		if id, valid := kind.parseID(last); valid {
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
