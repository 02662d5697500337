package base

import (
	"strconv"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

const viewGroup = "core.view_group"

func groupPath(id int64) string { return "groups/" + decimal(id) + "/" }

// Groups are sets of users (rest-contract §2.20).
func Groups() resource.Of[auth.Group] {
	return resource.Of[auth.Group]{
		Path: "groups", Model: auth.GroupModel, Component: "Group", Doc: "A set of users, who have the roles of the group.",
		Source: resource.Source{Table: "core_groups", Numbered: true, NoDomain: true},
		ID:     func(g *auth.Group) string { return decimal(g.ID) },
		Fields: []resource.Field[auth.Group]{
			resource.Text("name", func(g *auth.Group) *string { return &g.Name }).Required().Filters(resource.Lookups).Schema("maxLength", 150).
				Check(func(g *auth.Group) error { return auth.CheckGroup(g.Name) }),
			resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, g *auth.Group) { s.Href(groupPath(g.ID)) }),
			resource.Computed("prn", resource.String(), func(s *resource.Show, g *auth.Group) { s.PRN(auth.GroupModel, decimal(g.ID)) }),
			resource.Int("id", 1, func(g *auth.Group) *int64 { return &g.ID }).ReadOnly().Filters(resource.Numbers, resource.InNumbers),
		},
		Offers: []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access: resource.Permissions(auth.GroupModel), Shareable: true, SyncUpdate: true, SyncDelete: true,
		Unique: map[string]string{"core_groups(name)": "name"},
		Accept: checkGroupName, Revise: checkGroupName,
		Saved: func(w *resource.Work, _, old *auth.Group) error {
			if old == nil {
				return nil
			}
			return auth.Changed(w.Tx) // policies may name groups
		},
		RemoveBy: func(w *resource.Work, g *auth.Group) error { return auth.DeleteGroup(w.Tx, *g) },
	}
}

// checkGroupName keeps names that mean something for superusers, in a create and in a change.
func checkGroupName(c *resource.Call, g *auth.Group) error {
	if old, changes := c.Object.(*auth.Group); changes && old.Name == g.Name {
		return nil
	}
	return c.Env.Decider.CheckGroupName(c.Context(), c.User, g.Name)
}

// parentGroup finds the group of a nested route. One that may not be seen is told as one that is not there.
func parentGroup(c *resource.Call) (int64, error) {
	notFound := errs.New(errs.NotFound, "Not found.")
	id, err := strconv.ParseInt(c.Param("group"), 10, 64)
	if err != nil || decimal(id) != c.Param("group") {
		return 0, notFound
	}
	c.Parent("group", auth.Object{Model: auth.GroupModel, ID: decimal(id)})
	seen, err := c.Viewer().Sees(auth.GroupModel, viewGroup, "id")
	if err != nil {
		return 0, err
	}
	var n int64
	err = c.Env.DB.Read(c.Context()).Model(&auth.Group{}).Where("id = ?", id).Where(seen.SQL, seen.Args...).Count(&n).Error
	if err == nil && n == 0 {
		err = notFound
	}
	return id, err
}
