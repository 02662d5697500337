package base

import (
	"encoding/json"
	"strconv"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// memberRow is a user as a member of a group.
type memberRow struct {
	id       int64
	username string
	// asked is the name that a body gave; group is the one of the route.
	asked *string
	group int64
}

// Members are the users of a group (rest-contract §2.20). The identity is the user's.
func Members() resource.Of[memberRow] {
	changeGroup := auth.Permission("core.change_group")
	return resource.Of[memberRow]{
		Path: "groups/{group}/users", Model: "core.groupuser", Component: "GroupUser", Doc: "A user in a group.", HrefName: "groups_user_href",
		Source: resource.Source{Table: "core_users", Numbered: true, NoDomain: true},
		ID:     func(m *memberRow) string { return decimal(m.id) },
		Fields: []resource.Field[memberRow]{
			resource.Hidden("d.id", func(m *memberRow) *int64 { return &m.id }),
			resource.NullText("username", func(m *memberRow) **string { return &m.asked }).Unstored().WriteOnly().Doc("The name of the user; pk or id may stand in its place."),
			resource.Text("username", func(m *memberRow) *string { return &m.username }).ReadOnly().Filters(resource.Lookups),
			resource.Ignored[memberRow]("pk"), resource.Ignored[memberRow]("id"),
			resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, m *memberRow) { s.Href(userPath(m.id)) }),
			resource.Computed("prn", resource.String(), func(s *resource.Show, m *memberRow) { s.PRN(auth.UserModel, decimal(m.id)) }),
		},
		Offers:   []resource.Verb{resource.List, resource.Create, resource.Delete},
		Access:   resource.Access{resource.List: auth.Permission(viewGroup), resource.Create: changeGroup, resource.Delete: changeGroup},
		Relation: "group", Parents: memberParents, Within: membersWithin, SyncDelete: true,
		Accept:   acceptMember,
		Insert:   func(w *resource.Work, m *memberRow) error { return auth.AddMember(w.Tx, m.group, m.id) },
		RemoveBy: func(w *resource.Work, m *memberRow) error { return auth.RemoveMember(w.Tx, m.group, m.id) },
		Recorded: (*memberRow).recorded,
		Location: func(m *memberRow) string { return "groups/" + decimal(m.group) + "/users/" + decimal(m.id) + "/" },
	}
}

func memberParents(c *resource.Call) error {
	group, err := parentGroup(c)
	if err != nil {
		return err
	}
	named := ident.PRN(auth.GroupModel, decimal(group))
	if m, opened := c.Object.(*memberRow); opened {
		m.group = group
		named = m.recorded()
	}
	audit.From(c.Context()).Object(named)
	return nil
}

func (m *memberRow) recorded() string { return auth.MemberPRNs(m.group, m.id) }

func membersWithin(c *resource.Call) (resource.Cond, error) {
	group, err := parentGroup(c)
	return resource.Cond{SQL: "d.id IN (SELECT user_id FROM core_group_users WHERE group_id = ?)", Args: []any{group}}, err
}

// acceptMember finds the user whom the body names by name or number.
func acceptMember(c *resource.Call, m *memberRow) (err error) {
	if m.group, err = parentGroup(c); err != nil {
		return err
	}
	query := c.Env.DB.Read(c.Context()).Limit(1)
	if m.asked != nil {
		query = query.Where("username = ?", *m.asked)
	} else if query, err = byNumber(query, c.Body.Values); err != nil {
		return err
	}
	var found []auth.User
	if err := query.Find(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		return errs.Field("username", "There is no such user; look at the list of users.")
	}
	m.id, m.username = found[0].ID, found[0].Username
	return nil
}

// byNumber reads the number of a user from pk or id, which forms write as text.
func byNumber(query *gorm.DB, body map[string]any) (*gorm.DB, error) {
	for _, name := range []string{"pk", "id"} {
		var text string
		switch v := body[name].(type) {
		case json.Number:
			text = v.String()
		case string:
			text = v
		case nil:
			continue
		}
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errs.Field(name, "A valid integer is required.")
		}
		return query.Where("id = ?", id), nil
	}
	return nil, errs.Together("Name the user by username, pk or id.")
}
