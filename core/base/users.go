package base

import (
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// userRow is a user as it is asked for and shown.
type userRow struct {
	auth.User
	wanted resource.NewPassword
	groups []auth.Group
}

func userPath(id int64) string { return "users/" + decimal(id) + "/" }

// Users are the people and machines that may log in. They are for superusers alone (rest-contract §2.19).
func Users() resource.Of[userRow] {
	return resource.Of[userRow]{
		Path: "users", Model: auth.UserModel, Component: "User", HrefName: "auth_user_href", Doc: "A person or a machine that may log in.",
		Source: resource.Source{Table: "core_users", Numbered: true, NoDomain: true},
		ID:     func(u *userRow) string { return decimal(u.ID) }, Fields: userFields(), Load: loadUserGroups,
		Offers:    []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		AdminOnly: true, Access: superusers(), SyncUpdate: true, SyncDelete: true,
		Unique: map[string]string{"core_users(username)": "username"},
		Check:  checkUser, Accept: hashPassword, Saved: userSaved, Deleted: userDeleted,
		Revise: func(c *resource.Call, u *userRow) error {
			if err := hashPassword(c, u); err != nil || u.wanted.Plain == nil {
				return err
			}
			c.Body.Values["password"] = resource.PasswordHash(u.Password)
			return nil
		},
	}
}

// superusers is the access to what is for superusers alone.
func superusers() resource.Access {
	return resource.Access{resource.List: auth.Superusers, resource.Create: auth.Superusers, resource.Read: auth.Superusers, resource.Update: auth.Superusers, resource.Delete: auth.Superusers}
}

func userFields() []resource.Field[userRow] {
	lookups := []func(name, column string) []resource.Filter{resource.Lookups}
	text := func(name string, of func(*userRow) *string) resource.Field[userRow] {
		return resource.BlankText(name, of).Default("").Filters(lookups...)
	}
	return []resource.Field[userRow]{
		resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, u *userRow) { s.Href(userPath(u.ID)) }),
		resource.Computed("prn", resource.String(), func(s *resource.Show, u *userRow) { s.PRN(auth.UserModel, decimal(u.ID)) }),
		resource.Int("id", 1, func(u *userRow) *int64 { return &u.ID }).ReadOnly(),
		resource.Text("username", func(u *userRow) *string { return &u.Username }).Required().Filters(lookups...).Schema("maxLength", 150),
		resource.HashedPassword("password", func(u *userRow) *resource.NewPassword { return &u.wanted }).Doc("Null leaves the user without log-in by password."),
		resource.Hidden("d.password", func(u *userRow) *string { return &u.Password }),
		text("first_name", func(u *userRow) *string { return &u.FirstName }), text("last_name", func(u *userRow) *string { return &u.LastName }),
		text("email", func(u *userRow) *string { return &u.Email }),
		resource.Bool("is_staff", func(u *userRow) *bool { return &u.IsStaff }).Default(false).Filters(flag).Doc("Has no meaning here."),
		resource.Bool("is_active", func(u *userRow) *bool { return &u.IsActive }).Default(true).Optional().Filters(flag).Doc("False refuses the user everywhere."),
		resource.Bool("is_superuser", func(u *userRow) *bool { return &u.IsSuperuser }).ReadOnly().Doc("May do everything; set by packhouse user set-superuser."),
		resource.Bool("service_account", func(u *userRow) *bool { return &u.IsServiceAccount }).Column("d.is_service_account").Default(false).Doc("A machine: tokens log it in, and no password."),
		resource.Hidden("d.origin", func(u *userRow) *string { return &u.Origin }),
		resource.Time("date_joined", func(u *userRow) *time.Time { return &u.DateJoined }).ReadOnly(),
		resource.Computed("groups", groupSchema(), showUserGroups),
		resource.Computed("hidden_fields", hiddenSchema(), func(s *resource.Show, u *userRow) {
			s.Value([]map[string]any{{"name": "password", "is_set": u.Password != ""}})
		}),
	}
}

// flag is the filter over a column that is true or false.
func flag(name, column string) []resource.Filter {
	return []resource.Filter{resource.Flag(name, column+" = TRUE", column+" = FALSE")}
}

func groupSchema() resource.Schema {
	one := resource.Schema{"type": "object", "properties": map[string]resource.Schema{"name": resource.String(), "pulp_href": resource.URI(), "prn": resource.String()}}
	return resource.Schema{"type": "array", "items": one}
}

func hiddenSchema() resource.Schema {
	one := resource.Schema{"type": "object", "properties": map[string]resource.Schema{"name": resource.String(), "is_set": {"type": "boolean"}}}
	return resource.Schema{"type": "array", "items": one}
}

func showUserGroups(s *resource.Show, u *userRow) {
	list := []map[string]string{}
	for _, g := range u.groups {
		list = append(list, map[string]string{"name": g.Name, "pulp_href": s.Names.Href(groupPath(g.ID)), "prn": ident.PRN(auth.GroupModel, decimal(g.ID))})
	}
	s.Value(list)
}

// loadUserGroups brings the groups of a page of users.
func loadUserGroups(page *resource.Page, rows []*userRow) error {
	byID, ids := map[int64]*userRow{}, make([]int64, 0, len(rows))
	for _, u := range rows {
		u.groups = nil
		byID[u.ID], ids = u, append(ids, u.ID)
	}
	var found []struct {
		UserID, ID int64
		Name       string
	}
	err := page.DB.WithContext(page.Context).Table("core_group_users m").Select("m.user_id, g.id, g.name").
		Joins("JOIN core_groups g ON g.id = m.group_id").Where("m.user_id IN ?", ids).Order("g.name").Scan(&found).Error
	for _, f := range found {
		byID[f.UserID].groups = append(byID[f.UserID].groups, auth.Group{ID: f.ID, Name: f.Name})
	}
	return err
}

// checkUser looks at the attributes, and takes over what the body said of the password.
func checkUser(_ *resource.Input, u, old *userRow) error {
	if err := auth.CheckUser(&u.User); err != nil {
		return err
	}
	if old == nil {
		u.DateJoined = time.Now().UTC().Truncate(time.Microsecond)
	}
	switch {
	case u.wanted.Plain != nil && u.IsServiceAccount:
		return errs.Field("password", "A service account has no password; make a token for it.")
	case u.wanted.Plain != nil && u.Origin != "":
		return errs.Field("password", "This user comes from %s and logs in there; a password here would work on after the person was removed there.", u.Origin)
	case u.wanted.Hash != "":
		u.Password = string(u.wanted.Hash)
	case u.wanted.Given && u.wanted.Plain == nil, u.IsServiceAccount:
		u.Password = ""
	}
	return nil
}

// hashPassword hashes a new password before any transaction, for it is slow on purpose.
func hashPassword(c *resource.Call, u *userRow) (err error) {
	if u.wanted.Plain == nil {
		return nil
	}
	u.Password, err = c.Env.Users.EncodePassword(c.Context(), *u.wanted.Plain, &u.User)
	return err
}

// userSaved keeps users from locking themselves out.
func userSaved(w *resource.Work, u, old *userRow) error {
	if old == nil {
		return nil
	}
	if err := auth.Changed(w.Tx); err != nil {
		return err
	}
	if !old.IsActive || u.IsActive && !u.IsServiceAccount {
		return nil
	}
	if !u.IsActive && w.User != nil && w.User.ID == u.ID {
		return errs.Field("is_active", "You cannot deactivate yourself; let another superuser do it.")
	}
	return auth.KeepSuperuser(w.Tx.DB, &old.User)
}

// userDeleted removes what the tables do not remove by themselves.
func userDeleted(w *resource.Work, u *userRow) error {
	if w.User != nil && w.User.ID == u.ID {
		return errs.Together("You cannot delete yourself; let another superuser do it.")
	}
	if err := auth.Changed(w.Tx); err != nil {
		return err
	}
	if err := auth.KeepSuperuser(w.Tx.DB, &u.User); err != nil {
		return err
	}
	return auth.ForgetObject(w.Tx, auth.Object{Model: auth.UserModel, ID: decimal(u.ID)})
}
