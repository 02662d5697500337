package base

import (
	"strconv"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// assignmentRow is a role that a user or a group has (rest-contract §2.19).
type assignmentRow struct {
	base             model.Base
	userID, groupID  *int64
	roleID           string
	domainID         *string
	model, objectID  *string
	role             string
	description      *string
	permissions      []string
	domainName       *string
	objectDomain     string
	asked            string
	object, prn, dom *string
}

// UserRoles are the roles of a user.
func UserRoles() resource.Of[assignmentRow] {
	r := assignments("users/{user}/roles", "core.userrole", "UserRole", "auth_users_user_role_href")
	r.Doc, r.AdminOnly, r.Access = "A role of a user.", true, superusers()
	r.Within = func(c *resource.Call) (resource.Cond, error) {
		id, err := roleUser(c)
		return resource.Cond{SQL: "d.user_id = ?", Args: []any{id}}, err
	}
	r.Parents = func(c *resource.Call) error {
		_, err := roleUser(c)
		return err
	}
	r.Accept = func(c *resource.Call, a *assignmentRow) error {
		id, err := roleUser(c)
		if err != nil {
			return err
		}
		a.userID = &id
		return acceptAssignment(c, a)
	}
	r.Location = func(a *assignmentRow) string { return userPath(*a.userID) + "roles/" + a.base.ID + "/" }
	return r
}

// GroupRoles are the roles of a group. Whoever may view the group sees them; giving roles is for superusers, for a role can
// give anything.
func GroupRoles() resource.Of[assignmentRow] {
	r := assignments("groups/{group}/roles", "core.grouprole", "GroupRole", "groups_group_role_href")
	r.Doc, r.Relation = "A role of a group.", "group"
	view := auth.Permission(viewGroup)
	r.Access = resource.Access{resource.List: view, resource.Read: view, resource.Create: auth.Superusers, resource.Delete: auth.Superusers}
	r.Within = func(c *resource.Call) (resource.Cond, error) {
		id, err := parentGroup(c)
		return resource.Cond{SQL: "d.group_id = ?", Args: []any{id}}, err
	}
	r.Parents = func(c *resource.Call) error {
		_, err := parentGroup(c)
		return err
	}
	r.Accept = func(c *resource.Call, a *assignmentRow) error {
		id, err := parentGroup(c)
		if err != nil {
			return err
		}
		a.groupID = &id
		return acceptAssignment(c, a)
	}
	r.Location = func(a *assignmentRow) string { return groupPath(*a.groupID) + "roles/" + a.base.ID + "/" }
	return r
}

// roleUser finds the user of a nested route.
func roleUser(c *resource.Call) (int64, error) {
	id, err := strconv.ParseInt(c.Param("user"), 10, 64)
	var n int64
	if err == nil && decimal(id) == c.Param("user") {
		if err := c.Env.DB.Read(c.Context()).Model(&auth.User{}).Where("id = ?", id).Count(&n).Error; err != nil {
			return 0, err
		}
	}
	if n == 0 {
		return 0, errs.New(errs.NotFound, "Not found.")
	}
	return id, nil
}

func assignments(path, label, component, hrefName string) resource.Of[assignmentRow] {
	r := resource.Of[assignmentRow]{
		Path: path, Model: label, Component: component, HrefName: hrefName,
		Source: resource.Source{Table: "core_role_assignments", NoDomain: true,
			Joins: "JOIN core_roles r ON r.id = d.role_id LEFT JOIN core_domains dom ON dom.id = d.domain_id"},
		Base: func(a *assignmentRow) *model.Base { return &a.base }, Load: loadAssignments,
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Delete},
		Filters: assignmentFilters(), Insert: insertAssignment, SyncDelete: true,
		Deleted: func(w *resource.Work, _ *assignmentRow) error { return auth.Changed(w.Tx) },
	}
	location := func(a *assignmentRow) string {
		if a.userID != nil {
			return userPath(*a.userID) + "roles/" + a.base.ID + "/"
		}
		return groupPath(*a.groupID) + "roles/" + a.base.ID + "/"
	}
	fields := resource.BaseFields("d.", label, r.Base, location)
	r.Fields = append(append(fields[:3:3], fields[4:]...), assignmentFields()...)
	return r
}

func assignmentFields() []resource.Field[assignmentRow] {
	asked := func(name, doc string, of func(*assignmentRow) **string) resource.Field[assignmentRow] {
		return resource.NullText(name, of).Unstored().WriteOnly().Doc(doc)
	}
	return []resource.Field[assignmentRow]{
		resource.Hidden("d.user_id", func(a *assignmentRow) **int64 { return &a.userID }),
		resource.Hidden("d.group_id", func(a *assignmentRow) **int64 { return &a.groupID }),
		resource.Hidden("d.role_id", func(a *assignmentRow) *string { return &a.roleID }),
		resource.Hidden("d.domain_id", func(a *assignmentRow) **string { return &a.domainID }),
		resource.Hidden("d.model", func(a *assignmentRow) **string { return &a.model }),
		resource.Hidden("d.object_id", func(a *assignmentRow) **string { return &a.objectID }),
		resource.Joined("dom.name", func(a *assignmentRow) **string { return &a.domainName }),
		resource.Text("role", func(a *assignmentRow) *string { return &a.asked }).Unstored().Required().WriteOnly(),
		resource.Text("role", func(a *assignmentRow) *string { return &a.role }).Column("r.name").Derived().
			Filters(resource.Exactly, resource.In, resource.Contains, resource.ContainsAnyCase, resource.StartsWith),
		asked("content_object", "The object on which the role counts, of any domain; null with or without a domain.", func(a *assignmentRow) **string { return &a.object }),
		asked("content_object_prn", "The same as a PRN.", func(a *assignmentRow) **string { return &a.prn }),
		asked("domain", "The domain in which the role counts.", func(a *assignmentRow) **string { return &a.dom }),
		resource.Computed("content_object", resource.URI().OrNull(), showAssigned),
		resource.Computed("content_object_prn", resource.String().OrNull(), func(s *resource.Show, a *assignmentRow) {
			if a.model == nil {
				s.Raw("null")
				return
			}
			s.PRN(*a.model, auth.ObjectID(*a.objectID))
		}),
		resource.Computed("domain", resource.URI().OrNull(), func(s *resource.Show, a *assignmentRow) {
			if a.domainID == nil {
				s.Raw("null")
				return
			}
			s.Href("domains/" + *a.domainID + "/")
		}),
		resource.NullText("description", func(a *assignmentRow) **string { return &a.description }).Column("r.description").Derived(),
		resource.Texts("permissions", func(a *assignmentRow) *[]string { return &a.permissions }).ReadOnly(),
	}
}

// showAssigned writes the href of the object in its own domain; null where the object is gone or has no path.
func showAssigned(s *resource.Show, a *assignmentRow) {
	if a.model != nil {
		if kind, known := s.Names.Kinds.ByModel(*a.model); known && a.objectDomain != "" {
			s.String(s.Names.In(a.objectDomain).Href(kind.Path + "/" + auth.ObjectID(*a.objectID) + "/"))
			return
		}
	}
	s.Raw("null")
}

// loadAssignments brings the permissions of the roles, and the names of the domains that the objects are in.
func loadAssignments(page *resource.Page, rows []*assignmentRow) error {
	byRole, byModel, roles := map[string][]*assignmentRow{}, map[string][]*assignmentRow{}, []string{}
	for _, a := range rows {
		a.permissions = []string{}
		byRole[a.roleID], roles = append(byRole[a.roleID], a), append(roles, a.roleID)
		if a.model != nil {
			byModel[*a.model] = append(byModel[*a.model], a)
		}
	}
	err := permissionsOf(page.Context, page.DB, roles, func(role, permission string) {
		for _, a := range byRole[role] {
			a.permissions = append(a.permissions, permission)
		}
	})
	for label, same := range byModel {
		if err == nil {
			err = loadDomains(page, label, same)
		}
	}
	return err
}

func loadDomains(page *resource.Page, label string, rows []*assignmentRow) error {
	kind, known := page.Registry.ByModel(label)
	if !known {
		return nil
	}
	ids := make([]string, 0, len(rows))
	for _, a := range rows {
		ids = append(ids, auth.ObjectID(*a.objectID))
	}
	query := page.DB.WithContext(page.Context).Table(kind.Table+" o").Where("o.id IN ?", ids)
	if kind.NoDomain {
		query = query.Select("CAST(o.id AS text) AS id, 'default' AS name")
	} else {
		query = query.Select("CAST(o.id AS text) AS id, n.name AS name").Joins("JOIN core_domains n ON n.id = o.domain_id")
	}
	var found []struct{ ID, Name string }
	err := query.Scan(&found).Error
	for _, f := range found {
		for _, a := range rows {
			if auth.ObjectID(*a.objectID) == f.ID {
				a.objectDomain = f.Name
			}
		}
	}
	return err
}

// acceptAssignment finds the role and the place where it is to count.
func acceptAssignment(c *resource.Call, a *assignmentRow) error {
	role, err := auth.FindRole(c.Env.DB.Read(c.Context()), a.asked)
	if err != nil {
		return err
	}
	a.roleID = role.ID
	_, href := c.Body.Values["content_object"]
	_, prn := c.Body.Values["content_object_prn"]
	switch {
	case !href && !prn:
		return errs.Together("Give content_object or content_object_prn; null gives the role everywhere, or in the domain.")
	case a.object != nil && a.prn != nil && *a.object != *a.prn:
		return errs.Together("Give either content_object or content_object_prn.")
	case (a.object != nil || a.prn != nil) && a.dom != nil:
		return errs.Together("A role counts on an object or in a domain; give one of them.")
	case a.dom != nil:
		return assignDomain(c, a, role)
	case a.object != nil:
		return assignObject(c, a, role, "content_object", *a.object)
	case a.prn != nil:
		return assignObject(c, a, role, "content_object_prn", *a.prn)
	}
	return nil
}

func assignDomain(c *resource.Call, a *assignmentRow, role *auth.Role) error {
	id, err := c.Env.ResolveAnywhere(c.Context(), *a.dom, resource.Target{Model: domainModel})
	if errs.Is(err, errs.Invalid) {
		return errs.Field("domain", "%s", err)
	}
	if err != nil {
		return err
	}
	if !c.Env.Declared.Assignable(role, "", true) {
		return errs.Field("domain", "The role %q has no permission for what belongs to a domain; choose another one.", role.Name)
	}
	a.domainID = &id.ID
	return nil
}

func assignObject(c *resource.Call, a *assignmentRow, role *auth.Role, field, text string) error {
	o, err := c.Env.ResolveAnywhere(c.Context(), text, resource.Target{})
	if errs.Is(err, errs.Invalid) {
		return errs.Field(field, "%s", err)
	}
	if err != nil {
		return err
	}
	if !c.Env.Declared.Assignable(role, o.Kind.Model, false) || role.Name == taskUser {
		return errs.Field("role", "The role %q has no permission for this kind of object; choose another one.", role.Name)
	}
	key := auth.ObjectKey(o.ID)
	a.model, a.objectID = &o.Kind.Model, &key
	return nil
}

func insertAssignment(w *resource.Work, a *assignmentRow) error {
	if err := auth.Changed(w.Tx); err != nil { // first, so that of two that give the same role one waits and sees the other
		return err
	}
	row := []auth.Assignment{{UserID: a.userID, GroupID: a.groupID, RoleID: a.roleID, DomainID: a.domainID, Model: a.model, ObjectID: a.objectID}}
	have, err := auth.FindAssignments(w.Tx.DB, row[0])
	if err != nil {
		return err
	}
	if len(have) > 0 {
		return errs.Together("The role is already assigned there.")
	}
	err = auth.Assign(w.Tx, row...)
	a.base.ID = row[0].ID
	return err
}

func assignmentFilters() []resource.Filter {
	return []resource.Filter{
		{Name: "content_object", Schema: resource.String(), Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			if value == "null" {
				return resource.Cond{SQL: "d.object_id IS NULL"}, nil
			}
			o, err := resource.LocateAnywhere(f, value)
			return resource.Cond{SQL: "d.model = ? AND d.object_id = ?", Args: []any{o.Kind.Model, auth.ObjectKey(o.ID)}}, err
		}},
		{Name: "domain", Schema: resource.String(), Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			if value == "null" {
				return resource.Cond{SQL: "d.domain_id IS NULL"}, nil
			}
			o, err := resource.LocateAnywhere(f, value)
			if err == nil && o.Kind.Model != domainModel {
				err = errs.Messages("%s is no domain.", value)
			}
			if err != nil {
				return resource.Cond{}, err
			}
			if _, ok := ident.Parse(o.ID); !ok {
				return resource.Cond{SQL: "1 = 0"}, nil
			}
			return resource.Cond{SQL: "d.domain_id = ?", Args: []any{o.ID}}, nil
		}},
	}
}
