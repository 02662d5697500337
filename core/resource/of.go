package resource

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Of declares a REST resource whose rows are M. Its zero value offers nothing and allows nothing.
type Of[M any] struct {
	// Path is the list's path below the API root, such as "repositories/file/file". Nested resources have the parent's
	// key in braces: "repositories/file/file/{repository}/versions".
	Path string
	// Model is the label in PRNs and permissions, such as "file.filerepository".
	Model string
	// Type is the pulp_type; the list then shows rows of this type only.
	Type string
	// Component is the name in the OpenAPI document, such as "file.FileRepository".
	Component string
	// Doc says in a sentence what the resource is.
	Doc string
	// HrefName is the path parameter of the OpenAPI document, such as "file_file_repository_href".
	HrefName string

	// Source is where rows come from.
	Source Source
	// Base gives the row's base. Nil for rows with integer keys.
	Base func(*M) *model.Base
	// ID gives the identity of a row without a base as text; may be nil where rows have none.
	ID func(*M) string
	// Parents notes the objects that the path leads through, by Call.Parent; may be nil.
	Parents func(c *Call) error
	// Fields are the members, in the order in which they are shown.
	Fields []Field[M]
	// Filters are those beyond what fields declare.
	Filters []Filter
	// Unfiltered lists take no filters and no order; query parameters that they do not know are ignored.
	Unfiltered bool
	// Ordering names further columns that a list may be ordered by.
	Ordering map[string]string

	// Offers names the standard operations that exist.
	Offers []Verb
	// Access says who may do what; a verb without a rule is refused. The access policy of the endpoint is derived from it.
	Access Access
	// Needs are further conditions of the policy by verb, such as "has_upload_param_obj_perms:core.change_upload".
	Needs map[Verb][]string
	// AdminOnly leaves the resource without a policy, for superusers.
	AdminOnly bool
	// Relation makes the permissions of the policy those on a parent, such as "repository"; Within gives it to Call.Parent.
	Relation string
	// Sees limits lists and look-ups to what may be seen, with the identity in key; nil for the permission to view objects.
	Sees func(v *Viewer, key string) (Cond, error)
	// Unscoped lists are not limited: their permission is needed for the list itself.
	Unscoped bool
	// ReadBySight lets whoever sees an object read it.
	ReadBySight bool
	// Shareable objects have roles of their own: the model gets its locked roles and the actions to give them.
	Shareable bool
	// Roles are further locked roles; OwnerAlso are further permissions of owners, CreatorAlso further roles that the
	// creator of an object gets.
	Roles                  []auth.RoleSpec
	OwnerAlso, CreatorAlso []string
	// Unassignable is a locked role that can be given everywhere or in a domain but not on an object.
	Unassignable string
	// Owned says that the creator is kept in the row, which then stands for the creator's roles.
	Owned *auth.Ownership
	// Actions are operations beyond the standard ones.
	Actions []Action[M]

	// Key is the path parameter's column, "d.id" when empty; parents of nested resources are added by Within.
	Key string
	// Within limits a nested list to its parent.
	Within func(c *Call) (Cond, error)
	// Location gives the path of an object below the API root, Path/id/ when nil.
	Location func(*M) string

	// Unique names the unique constraints and the members that a violation is told under.
	Unique map[string]string
	// Locks are what a task that changes m holds beside m itself.
	Locks func(verb Verb, m *M) task.Locks
	// Refers are what a new row needs and nothing refers to yet: it is kept from clean-ups until the task of the create has
	// ended.
	Refers func(m *M) []task.Reference
	// Check looks at the whole row after a body was read into it; old is nil on create.
	Check func(in *Input, m, old *M) error
	// Warn looks at a new or changed row once it is accepted; what it says goes along with the answer 202, and to the log.
	Warn func(c *Call, m *M) (string, error)
	// Recorded names a new row for the audit log; nil: by its PRN.
	Recorded func(m *M) string
	// Load brings what a page of rows needs beyond its columns.
	Load func(page *Page, rows []*M) error
	// LoadOne brings what only reading one object shows, and Detail shows it.
	LoadOne func(page *Page, m *M) error
	Detail  []Field[M]
	// Minimal are the members of the short form that minimal=true asks for.
	Minimal []string
	// Unaddressed marks lists whose objects stand under other paths.
	Unaddressed bool
	// Differs tells of changes that no column shows, such as a list that was given; nil: there are none.
	Differs func(m, old *M) bool
	// Saved runs in the transaction of a create or update, after the row is stored; old is nil on create.
	Saved func(w *Work, m, old *M) error
	// Removable looks whether a row may be deleted: in the request, and again in the transaction of the delete.
	Removable func(ctx context.Context, tx *gorm.DB, m *M) error
	// Deleted runs in the transaction of a delete, before the row goes.
	Deleted func(w *Work, m *M) error

	// Insert stores a new row in its own way, nil for the usual one. It may turn m into an object that is there already.
	Insert func(w *Work, m *M) error
	// Accept runs in the request before a create is handed to a task; it may change what the body says.
	Accept func(c *Call, m *M) error
	// Keep runs first in the transaction that dispatches a create; it may change what the body says. What it stores and
	// Refers names is safe from clean-ups from then on. It may run more than once.
	Keep func(c *Call, tx *db.Tx, m *M) error
	// Revise runs in the request before the transaction of a SyncUpdate, with the row as it will be. It may change what
	// the body says; it is the place for what takes long, such as hashing a password.
	Revise func(c *Call, m *M) error
	// Prepare runs in the task of a create before its transaction begins: what takes long must not hold one.
	// What it gives is thrown away at the end unless it was saved.
	Prepare func(ctx context.Context, env *Env, m *M) (Temporary, error)
	// Quick tells that the create of a row, where Insert does it, is short enough to run in the request's process; nil:
	// none is.
	Quick func(m *M) bool
	// CreateBy dispatches the resource's own task for a create; nil for the general one.
	CreateBy func(c *Call, m *M) (*Answer, error)
	// RemoveBy deletes a row in its own way, nil for the usual one.
	RemoveBy func(w *Work, m *M) error
	// DeleteBy dispatches the resource's own task for a delete; nil for the general one.
	DeleteBy func(c *Call, m *M) (*Answer, error)

	// AsyncCreate answers a create with 202 and a task; otherwise it is done in the request.
	AsyncCreate bool
	// SyncUpdate does a PUT or PATCH in the request; otherwise it is a task.
	SyncUpdate bool
	// Sheds marks resources whose delete takes other objects along; its task is named after that.
	Sheds bool
	// SyncDelete answers a delete with 204; otherwise it is a task.
	SyncDelete bool
}

// Source is the tables that rows are read from and written to. The resource's own table has the alias d.
type Source struct {
	// Table is the resource's own table.
	Table string
	// Master is the noun's table with the alias m, which shares the identity; empty when Table is all there is.
	Master string
	// Joins bring columns that are shown only, such as "LEFT JOIN core_repositories r ON r.id = m.repository_id".
	Joins string
	// Where limits the rows, such as "m.user_hidden = FALSE".
	Where string
	// NoDomain marks rows that belong to no domain.
	NoDomain bool
	// Numbered marks tables whose identity is a number that the database gives.
	Numbered bool
}

func (s Source) from() string {
	if s.Master == "" {
		return s.Table + " d"
	}
	return s.Table + " d LEFT JOIN " + s.Master + " m ON m.id = d.id"
}

// domainColumn is the column of the domain that every list is limited to.
func (s Source) domainColumn() string { return "d.domain_id" }

// Page is what the loading of a page of rows may look at.
type Page struct {
	Context  context.Context
	DB       *gorm.DB
	Registry *Registry
	// Env is what the resource was mounted with.
	Env *Env
	// Viewer is who looks; nil in tasks, and when an object is shown to who has just written it.
	Viewer *Viewer
}

// Where begins a query for rows whose column is one of ids.
func (p *Page) Where(column string, ids []string) *gorm.DB {
	return p.DB.WithContext(p.Context).Where(column+" IN ?", ids)
}

// Work is what runs in a transaction that changes rows: a request's or a task's.
type Work struct {
	Tx       *db.Tx
	Env      *Env
	Dispatch func(task.Args, ...task.Option) (*task.Row, error)
	// Run is the task, nil in a request; User is who asked, nil in a task.
	Run  *task.Run
	User *auth.User

	after []func(ctx context.Context) error
}

// After runs f in the task once the transaction is committed; an error fails the task, not the transaction.
func (w *Work) After(f func(ctx context.Context) error) { w.after = append(w.after, f) }

// user is the number of the user on whose behalf the work is done; nil for the system.
func (w *Work) user() *int64 {
	switch {
	case w.Run != nil:
		return w.Run.UserID
	case w.User != nil:
		return &w.User.ID
	}
	return nil
}

// Verb is a standard operation.
type Verb string

// The standard operations.
const (
	List   Verb = "list"
	Create Verb = "create"
	Read   Verb = "read"
	Update Verb = "update"
	Delete Verb = "delete"
)

// Access maps verbs, standard ones and those of actions, to rules.
type Access map[Verb]auth.Rule

// Permissions is the usual access: each verb asks for its permission on the model, and lists are for whoever logged in,
// limited to what is visible.
func Permissions(modelLabel string, actions ...Verb) Access {
	app, name, _ := strings.Cut(modelLabel, ".")
	permission := func(word string) auth.Rule { return auth.Permission(app + "." + word + "_" + name) }
	access := Access{
		List: permission("view"), Read: permission("view"),
		Create: permission("add"), Update: permission("change"), Delete: permission("delete"),
	}
	for _, verb := range actions {
		access[verb] = permission(string(verb))
	}
	return access
}

// Permission is the name of the permission to do something with objects of a model: "view", "file.filerepository" →
// "file.view_filerepository".
func Permission(verb, modelLabel string) string {
	app, name, _ := strings.Cut(modelLabel, ".")
	return app + "." + verb + "_" + name
}

// prepared is a declaration made ready for work: columns in order, filters by name.
type prepared[M any] struct {
	*Of[M]
	env      *Env
	columns  []*Field[M]
	selects  string
	shown    []*Field[M]
	detailed []*Field[M]
	filters  map[string]Filter
	ordering map[string]string
	key      string
}

func (d *Of[M]) prepare(env *Env) *prepared[M] {
	p := &prepared[M]{Of: d, env: env, filters: map[string]Filter{}, ordering: map[string]string{}, key: "d.id"}
	var selects []string
	for i := range d.Fields {
		f := &d.Fields[i]
		if f.column != "" {
			p.columns, selects = append(p.columns, f), append(selects, f.column)
			p.orderBy(f)
			for _, family := range f.filters {
				p.addFilters(p.reaching(f, family(f.Name, f.column)))
			}
		}
		if f.show != nil && !f.writeOnly && !f.hidden {
			f.name()
			p.shown = append(p.shown, f)
		}
	}
	p.detailed = slices.Clone(p.shown)
	for i := range d.Detail {
		d.Detail[i].name()
		p.detailed = append(p.detailed, &d.Detail[i])
	}
	p.selects = strings.Join(selects, ", ")
	if p.Base != nil {
		p.addFilters(identityFilters(p.key, env.Registry))
		p.ordering["pk"], p.ordering["pulp_id"], p.ordering["pulp_created"] = p.key, p.key, p.key
	}
	for name, column := range d.Ordering {
		p.ordering[name] = column
	}
	p.addFilters(d.Filters)
	return p
}

func (p *prepared[M]) addFilters(filters []Filter) {
	for _, f := range filters {
		p.filters[f.Name] = f
	}
}

// reaching makes filters over a column that only a join brings look through the join, which lists otherwise save.
func (p *prepared[M]) reaching(f *Field[M], filters []Filter) []Filter {
	if !f.derived {
		return filters
	}
	for i := range filters {
		inner := filters[i].Cond
		filters[i].Cond = func(f *Filtering, value string) (Cond, error) {
			c, err := inner(f, value)
			return Cond{SQL: p.key + " IN (SELECT " + p.key + " FROM " + p.Source.from() + " " + p.Source.Joins + " WHERE " + c.SQL + ")", Args: c.Args}, err
		}
	}
	return filters
}

func (p *prepared[M]) orderBy(f *Field[M]) {
	if !f.relation && !f.hidden && !f.derived && !f.writeOnly {
		p.ordering[f.Name] = f.column
	}
}

func (d *Of[M]) offers(v Verb) bool { return slices.Contains(d.Offers, v) }

// BaseFields are the members that every noun begins with: pulp_href, prn, pulp_created, pulp_last_updated, and the
// columns behind them. table is "m." for a noun with a master table and "d." for others.
func BaseFields[M any](table, modelLabel string, base func(*M) *model.Base, location func(*M) string) []Field[M] {
	return []Field[M]{
		Computed("pulp_href", formatSchema("uri"), func(s *Show, m *M) { s.Href(location(m)) }),
		Computed("prn", stringSchema(), func(s *Show, m *M) { s.PRN(modelLabel, base(m).ID) }),
		Hidden("d.id", func(m *M) *string { return &base(m).ID }),
		Hidden(table+"domain_id", func(m *M) *string { return &base(m).DomainID }),
		timeField("pulp_created", func(m *M) any { return &base(m).PulpCreated }, func(s *Show, m *M) { s.Time(base(m).PulpCreated) }).Column(table + "pulp_created"),
		timeField("pulp_last_updated", func(m *M) any { return &base(m).PulpLastUpdated }, func(s *Show, m *M) { s.Time(base(m).PulpLastUpdated) }).Column(table + "pulp_last_updated"),
	}
}

func timeField[M any](name string, pointer func(*M) any, show func(*Show, *M)) Field[M] {
	return Field[M]{Name: name, schema: formatSchema("date-time"), column: "d." + name, pointer: pointer, show: show, readOnly: true}
}
