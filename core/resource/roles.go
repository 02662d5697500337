package resource

import (
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// manageRoles is the verb whose permission is for the roles on an object.
const manageRoles Verb = "manage_roles"

// roleBody names a role and those who get or lose it.
type roleBody struct {
	role          string
	users, groups []string
}

// roleStatements allow the actions over the roles on objects (rest-contract §1.17).
func (p *prepared[M]) roleStatements() []auth.Statement {
	s := auth.Statement{Action: auth.Texts{"list_roles", "add_role", "remove_role"}, Principal: auth.Texts{auth.PrincipalUsers}, Effect: auth.Allow,
		Condition: p.demands(manageRoles, false, p.permission("manage_roles"))[:1]}
	mine := auth.Statement{Action: auth.Texts{"my_permissions"}, Principal: auth.Texts{auth.PrincipalUsers}, Effect: auth.Allow}
	return []auth.Statement{s, mine}
}

// roleActions are list_roles, add_role, remove_role and my_permissions.
func (p *prepared[M]) roleActions() []Action[M] {
	body := Accepts[roleBody]{Component: "NestedRole", Lenient: true, Fields: []Field[roleBody]{
		Text("role", func(b *roleBody) *string { return &b.role }).Unstored().Required(),
		Texts("users", func(b *roleBody) *[]string { return &b.users }).Default([]any{}),
		Texts("groups", func(b *roleBody) *[]string { return &b.groups }).Default([]any{}),
	}}
	nested := objectSchema(map[string]Schema{"users": arraySchema(stringSchema()), "groups": arraySchema(stringSchema()), "role": stringSchema()}, []string{"role"})
	schemas := map[string]Schema{"NestedRoleResponse": nested,
		"ObjectRolesResponse":   objectSchema(map[string]Schema{"roles": arraySchema(nested)}, []string{"roles"}),
		"MyPermissionsResponse": objectSchema(map[string]Schema{"permissions": arraySchema(stringSchema())}, []string{"permissions"})}
	answer := func(status int, schema string) map[int]AnswerDoc {
		return map[int]AnswerDoc{status: {Doc: "Who has which role on the object.", Schema: schema}}
	}
	change := func(verb Verb, doc string, apply func(tx *db.Tx, have []auth.Assignment, a auth.Assignment) error) Action[M] {
		return Action[M]{Verb: verb, Access: manageRoles, Doc: doc, Body: body, Answers: answer(201, "NestedRoleResponse"), Components: schemas,
			Handle: func(c *Call, m *M) (*Answer, error) {
				b, err := body.Read(c)
				if err != nil {
					return nil, err
				}
				return p.changeRoles(c, m, b, apply)
			}}
	}
	return []Action[M]{
		{Verb: "list_roles", Method: "GET", Access: manageRoles, Doc: "List the roles on the object.", Answers: answer(200, "ObjectRolesResponse"), Components: schemas, Handle: p.listRoles},
		change("add_role", "Give a role on the object.", giveRole),
		change("remove_role", "Take a role on the object away.", takeRole),
		{Verb: "my_permissions", Method: "GET", Access: Read, Doc: "List the permissions that the user has on the object.", Answers: answer(200, "MyPermissionsResponse"), Components: schemas, Handle: p.myPermissions},
	}
}

func giveRole(tx *db.Tx, have []auth.Assignment, a auth.Assignment) error {
	if len(have) > 0 {
		return errs.Together("The role is already assigned to one of them; nothing was changed.")
	}
	return auth.Assign(tx, a)
}

func takeRole(tx *db.Tx, have []auth.Assignment, _ auth.Assignment) error {
	if len(have) == 0 {
		return errs.Together("The role is not assigned to one of them; nothing was changed.")
	}
	for i := range have {
		if err := tx.Delete(&have[i]).Error; err != nil {
			return fmt.Errorf("take a role away: %w", err)
		}
	}
	return nil
}

// changeRoles applies one change to all who are named, or to none.
func (p *prepared[M]) changeRoles(c *Call, m *M, b *roleBody, apply func(*db.Tx, []auth.Assignment, auth.Assignment) error) (*Answer, error) {
	o := p.access(m)
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error {
		role, err := p.roleFor(tx.DB, b.role)
		if err != nil {
			return err
		}
		principals, err := findPrincipals(tx.DB, b.users, b.groups)
		if err != nil {
			return err
		}
		if err := auth.Changed(tx); err != nil { // also serialises the changes of roles
			return err
		}
		key := o.Key()
		for _, a := range principals {
			a.RoleID, a.Model, a.ObjectID = role.ID, &o.Model, &key
			have, err := auth.FindAssignments(tx.DB, a)
			if err != nil {
				return err
			}
			if err := apply(tx, have, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := c.Show()
	s.Raw(`{"users":`)
	s.Strings(b.users)
	s.Raw(`,"groups":`)
	s.Strings(b.groups)
	s.Raw(`,"role":`)
	s.String(b.role)
	s.Raw("}")
	return &Answer{Status: 201, JSON: s.text}, nil
}

// roleFor finds a role that gives something on objects of the model.
func (p *prepared[M]) roleFor(tx *gorm.DB, name string) (*auth.Role, error) {
	role, err := auth.FindRole(tx, name)
	if err != nil {
		return nil, err
	}
	declared := p.env.declared()
	if !slices.ContainsFunc(role.Permissions, func(permission string) bool {
		model, known := declared.ModelOf(permission)
		return known && model == p.Model
	}) || p.Unassignable == name {
		return nil, errs.Field("role", "The role %q has no permission for this kind of object; choose another one.", name)
	}
	return role, nil
}

// findPrincipals gives an assignment for each user and group; one that is not there is told under its member.
func findPrincipals(tx *gorm.DB, users, groups []string) ([]auth.Assignment, error) {
	var out []auth.Assignment
	for _, name := range users {
		var found []auth.User
		if err := tx.Where("username = ?", name).Limit(1).Find(&found).Error; err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, errs.Field("users", "There is no user %q.", name)
		}
		out = append(out, auth.Assignment{UserID: &found[0].ID})
	}
	for _, name := range groups {
		var found []auth.Group
		if err := tx.Where("name = ?", name).Limit(1).Find(&found).Error; err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, errs.Field("groups", "There is no group %q.", name)
		}
		out = append(out, auth.Assignment{GroupID: &found[0].ID})
	}
	return out, nil
}

// objectRole is a role on an object with those who have it.
type objectRole struct {
	Role   string   `json:"role"`
	Users  []string `json:"users"`
	Groups []string `json:"groups"`
}

func (p *prepared[M]) listRoles(c *Call, m *M) (*Answer, error) {
	var rows []struct {
		Role       string
		User, Team *string
	}
	o := p.access(m)
	err := c.Env.DB.Read(c.Context()).Table("core_role_assignments a").Select(`r.name AS role, u.username AS "user", g.name AS team`).
		Joins("JOIN core_roles r ON r.id = a.role_id").Joins("LEFT JOIN core_users u ON u.id = a.user_id").Joins("LEFT JOIN core_groups g ON g.id = a.group_id").
		Where("a.object_id = ? AND a.model = ?", o.Key(), o.Model).Order("r.name, u.username, g.name").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the roles on %s: %w", o.PRN(), err)
	}
	roles := []*objectRole{}
	for _, r := range rows {
		if len(roles) == 0 || roles[len(roles)-1].Role != r.Role {
			roles = append(roles, &objectRole{Role: r.Role, Users: []string{}, Groups: []string{}})
		}
		last := roles[len(roles)-1]
		if r.User != nil {
			last.Users = append(last.Users, *r.User)
		}
		if r.Team != nil {
			last.Groups = append(last.Groups, *r.Team)
		}
	}
	if roles, err = p.withCreator(c, m, roles); err != nil {
		return nil, err
	}
	s := c.Show()
	s.Value(map[string]any{"roles": roles})
	return &Answer{Status: 200, JSON: s.text}, nil
}

// withCreator adds the roles that a creator has without an assignment.
func (p *prepared[M]) withCreator(c *Call, m *M, roles []*objectRole) ([]*objectRole, error) {
	if p.Owned == nil {
		return roles, nil
	}
	var names []string
	err := c.Env.DB.Read(c.Context()).Table(p.Owned.Table+" o").Joins("JOIN core_users u ON u.id = o."+p.Owned.Column).Where("o.id = ?", p.rowID(m)).Pluck("u.username", &names).Error
	if err != nil || len(names) == 0 {
		return roles, err
	}
	given, err := c.Env.Decider.CreatorRoles(c.Context(), p.Owned.Policy)
	if err != nil {
		return nil, err
	}
	for _, role := range given {
		at := slices.IndexFunc(roles, func(r *objectRole) bool { return r.Role == role })
		if at < 0 {
			roles, at = append(roles, &objectRole{Role: role, Users: []string{}, Groups: []string{}}), len(roles)
		}
		if !slices.Contains(roles[at].Users, names[0]) {
			roles[at].Users = append(roles[at].Users, names[0])
		}
	}
	return roles, nil
}

// myPermissions lists what the user may do with the object.
func (p *prepared[M]) myPermissions(c *Call, m *M) (*Answer, error) {
	declared, mine := p.env.declared(), []string{}
	for _, name := range declared.Permissions() {
		if model, _ := declared.ModelOf(name); model != p.Model {
			continue
		}
		ok, err := c.Viewer().May(name, p.access(m))
		if err != nil {
			return nil, err
		}
		if ok {
			mine = append(mine, name)
		}
	}
	s := c.Show()
	s.Raw(`{"permissions":`)
	s.Strings(mine)
	s.Raw("}")
	return &Answer{Status: 200, JSON: s.text}, nil
}

// Born gives the roles on a new object that the creation hooks of its endpoint name. userID is the creator, nil for the
// system. Whoever stores an object of a resource by himself calls it in the same transaction.
func (e *Env) Born(tx *db.Tx, path, id string, userID *int64) error {
	w, known := e.workers[path]
	if !known {
		return nil
	}
	return w.born(tx, id, userID)
}

func (p *prepared[M]) born(tx *db.Tx, id string, userID *int64) error {
	if !p.Shareable || p.Owned != nil || p.env.Decider == nil {
		return nil
	}
	hooks, err := p.env.Decider.Hooks(tx.DB, PolicyName(p.Path))
	if err != nil {
		return err
	}
	return auth.RunHooks(tx, hooks, auth.Object{Model: p.Model, ID: id}, userID)
}
