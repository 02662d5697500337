package base

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// roleRow is a role as it is asked for and shown.
type roleRow struct {
	base        model.Base
	name        string
	description *string
	locked      bool
	permissions []string
}

// Roles are sets of permissions (rest-contract §2.18). Locked ones are those that resources declare.
func Roles() resource.Of[roleRow] {
	base := func(r *roleRow) *model.Base { return &r.base }
	fields := resource.BaseFields("d.", "core.role", base, func(r *roleRow) string { return "roles/" + r.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // roles belong to no domain
	return resource.Of[roleRow]{
		Path: "roles", Component: "Role", Doc: "A set of permissions.",
		Source: resource.Source{Table: "core_roles", NoDomain: true}, Base: base,
		Fields: append(fields,
			resource.Text("name", func(r *roleRow) *string { return &r.name }).Required().Filters(resource.Lookups),
			resource.NullText("description", func(r *roleRow) **string { return &r.description }).Filters(resource.Lookups),
			resource.Texts("permissions", func(r *roleRow) *[]string { return &r.permissions }).Required().Doc("Names such as file.view_filerepository."),
			resource.Bool("locked", func(r *roleRow) *bool { return &r.locked }).ReadOnly().Filters(flag).Doc("True for roles that cannot be changed here."),
		),
		Filters: []resource.Filter{containsPermission(), forObjectType()},
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:  superusers(), AdminOnly: true, SyncUpdate: true, SyncDelete: true,
		Unique: map[string]string{"core_roles(name)": "name"}, Load: loadPermissions,
		Differs: func(r, old *roleRow) bool { return !slices.Equal(sorted(r.permissions), sorted(old.permissions)) },
		Check: func(_ *resource.Input, _, old *roleRow) error {
			if old != nil && old.locked {
				return locked()
			}
			return nil
		},
		Saved: roleSaved,
		Deleted: func(w *resource.Work, r *roleRow) error {
			if r.locked {
				return locked()
			}
			if err := auth.Changed(w.Tx); err != nil {
				return err
			}
			return unnamed(w, r)
		},
	}
}

func locked() error {
	return errs.New(errs.Forbidden, "This role is locked: it belongs to what is installed. Make a role of your own with the permissions that you want.")
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// roleSaved stores the permissions, which must be declared by something.
func roleSaved(w *resource.Work, r, old *roleRow) error {
	for _, name := range r.permissions {
		if _, known := w.Env.Declared.ModelOf(name); !known {
			return errs.Field("permissions", "There is no permission %q; look at the roles that are there for the names.", name)
		}
	}
	if old != nil && old.name != r.name {
		if err := unnamed(w, old); err != nil {
			return err
		}
	}
	row := auth.Role{ID: r.base.ID, Name: r.name, Description: r.description, Permissions: r.permissions}
	err := auth.SaveRole(w.Tx, &row)
	r.permissions, r.base.PulpLastUpdated = row.Permissions, row.PulpLastUpdated
	return err
}

// unnamed refuses to take a name away that creation hooks need: whatever is created there would fail.
func unnamed(w *resource.Work, r *roleRow) error {
	names, err := w.Env.Decider.PoliciesGiving(w.Tx.Context(), r.name)
	if err == nil && len(names) > 0 {
		err = errs.Together("The creation hooks of %s give this role; edit these access policies first.", strings.Join(names, ", "))
	}
	return err
}

func loadPermissions(page *resource.Page, rows []*roleRow) error {
	byID, ids := map[string]*roleRow{}, make([]string, 0, len(rows))
	for _, r := range rows {
		r.permissions = []string{}
		byID[r.base.ID], ids = r, append(ids, r.base.ID)
	}
	return permissionsOf(page.Context, page.DB, ids, func(role, permission string) {
		byID[role].permissions = append(byID[role].permissions, permission)
	})
}

// permissionsOf reads the permissions of roles in order.
func permissionsOf(ctx context.Context, tx *gorm.DB, roles []string, each func(role, permission string)) error {
	var found []struct{ RoleID, Permission string }
	err := tx.WithContext(ctx).Table("core_role_permissions").Where("role_id IN ?", roles).Order("permission").Scan(&found).Error
	for _, f := range found {
		each(f.RoleID, f.Permission)
	}
	return err
}

// containsPermission filters roles that have one of the permissions; the part before the dot may be left out.
func containsPermission() resource.Filter {
	return resource.Filter{Name: "contains_permission", Schema: resource.Strings(), Repeated: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		var names []string
		for _, item := range resource.Items(value) {
			for _, name := range f.Declared.Permissions() {
				if name == item || strings.HasSuffix(name, "."+item) {
					names = append(names, name)
				}
			}
		}
		return resource.Cond{SQL: "d.id IN (SELECT role_id FROM core_role_permissions WHERE permission IN ?)", Args: []any{names}}, nil
	}}
}

// forObjectType filters roles all of whose permissions are about the model of an object or a list.
func forObjectType() resource.Filter {
	return resource.Filter{Name: "for_object_type", Schema: resource.String(), Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		kind, isList := f.Registry.List(f.Names, value)
		if !isList {
			o, err := f.Locate(value)
			if err != nil {
				return resource.Cond{}, err
			}
			kind = o.Kind
		}
		names := f.Declared.Of(kind.Model)
		return resource.Cond{SQL: `d.id IN (SELECT role_id FROM core_role_permissions WHERE permission IN ?)
			AND d.id NOT IN (SELECT role_id FROM core_role_permissions WHERE permission NOT IN ?)`, Args: []any{names, names}}, nil
	}}
}
