package guard

import (
	"context"
	"fmt"
	"strconv"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

const (
	roleModel = "core.rbaccontentguard"
	// download is the permission that lets users through.
	download = "core.download_rbaccontentguard"
	// downloader is the locked role with it.
	downloader = "core.rbaccontentguard_downloader"
)

// RoleGuard lets those through who hold the permission to download.
type RoleGuard struct {
	model.ContentGuard
	// users and groups hold the permission on this very guard.
	users, groups []holder
}

// holder is a user or a group.
type holder struct {
	GuardID string
	ID      int64
	Name    string
}

var byRole = noun.GuardKind[RoleGuard]{
	Kind: noun.Kind{Path: "contentguards/core/rbac", Type: "core.rbac", Component: "RBACContentGuard", Table: "core_rbac_guards", Doc: "Lets users through who hold the permission to download."},
	Row:  func(g *RoleGuard) *model.ContentGuard { return &g.ContentGuard },
	Fields: []resource.Field[RoleGuard]{
		resource.Computed("users", holders("username"), func(s *resource.Show, g *RoleGuard) { showUsers(s, g.users) }),
		resource.Computed("groups", holders("name"), func(s *resource.Show, g *RoleGuard) { showGroups(s, g.groups) }),
	},
	Load:      loadHolders,
	Permit:    permitByRole,
	Shareable: true, CreatorAlso: []string{downloader},
	Roles: []auth.RoleSpec{{Name: downloader, Description: "May download what the guard guards.", Permissions: []string{download}}},
}

func permitByRole(ctx context.Context, v *serve.Visit, g *RoleGuard) error {
	holds, err := v.Holds(ctx, download, auth.Object{Model: roleModel, ID: g.ID}, g.DomainID)
	if err != nil {
		return fmt.Errorf("look up who may download: %w", err)
	}
	if !holds {
		return refused("you do not have the permission to download here; log in, or ask the owner for it")
	}
	return nil
}

// loadHolders brings who was given the permission on the guards themselves; who has it in a whole domain or everywhere is
// not listed.
func loadHolders(page *resource.Page, rows []*RoleGuard) error {
	byID, ids := map[string]*RoleGuard{}, make([]string, 0, len(rows))
	for _, g := range rows {
		g.users, g.groups = nil, nil
		byID[g.ID], ids = g, append(ids, g.ID)
	}
	users, err := readHolders(page, ids, "core_users h ON h.id = a.user_id", "username")
	if err != nil {
		return err
	}
	for _, h := range users {
		byID[h.GuardID].users = append(byID[h.GuardID].users, h)
	}
	groups, err := readHolders(page, ids, "core_groups h ON h.id = a.group_id", "name")
	if err != nil {
		return err
	}
	for _, h := range groups {
		byID[h.GuardID].groups = append(byID[h.GuardID].groups, h)
	}
	return nil
}

func readHolders(page *resource.Page, ids []string, join, name string) (found []holder, err error) {
	err = page.DB.WithContext(page.Context).Table("core_role_assignments a").Select("DISTINCT a.object_id AS guard_id, h.id AS id, h."+name+" AS name").
		Joins("JOIN core_role_permissions p ON p.role_id = a.role_id AND p.permission = ?", download).Joins("JOIN "+join).
		Where("a.model = ? AND a.object_id IN ?", roleModel, ids).Order("name, guard_id").Scan(&found).Error
	return found, err
}

func holders(name string) resource.Schema {
	one := resource.Schema{"type": "object", "properties": map[string]resource.Schema{name: resource.String(), "pulp_href": resource.URI(), "prn": resource.String()}}
	return resource.Schema{"type": "array", "items": one}
}

func showUsers(s *resource.Show, users []holder) {
	s.Raw("[")
	for i, u := range users {
		separate(s, i)
		s.Raw(`{"username":`)
		s.String(u.Name)
		showAddress(s, "users/", "auth.user", u.ID)
		s.Raw("}")
	}
	s.Raw("]")
}

func showGroups(s *resource.Show, groups []holder) {
	s.Raw("[")
	for i, g := range groups {
		separate(s, i)
		s.Raw(`{"name":`)
		s.String(g.Name)
		showAddress(s, "groups/", "core.group", g.ID)
		s.Raw(`,"id":`)
		s.Int(g.ID)
		s.Raw("}")
	}
	s.Raw("]")
}

func separate(s *resource.Show, i int) {
	if i > 0 {
		s.Raw(",")
	}
}

func showAddress(s *resource.Show, list, model string, id int64) {
	s.Raw(`,"pulp_href":`)
	s.Href(list + strconv.FormatInt(id, 10) + "/")
	s.Raw(`,"prn":`)
	s.PRN(model, strconv.FormatInt(id, 10))
}
