package auth

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// RunHooks gives the roles on a new object that creation hooks name, in the transaction that creates it. Users, groups
// and roles that are gone by now are an error that names them, for a hook that does nothing would be found out too late.
func RunHooks(tx *db.Tx, hooks []Hook, o Object, creator *int64) error {
	for _, h := range hooks {
		to, err := principals(tx.DB, h, creator)
		if err != nil {
			return err
		}
		for _, name := range hookTexts(h, "roles") {
			if len(to) == 0 {
				continue
			}
			role, err := FindRole(tx.DB, name)
			if err != nil {
				return fmt.Errorf("follow the creation hooks of %s: %w", o.Model, err)
			}
			key := o.Key()
			for _, a := range to {
				a.RoleID, a.Model, a.ObjectID = role.ID, &o.Model, &key
				if err := Assign(tx, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// principals are those whom a hook gives roles.
func principals(tx *gorm.DB, h Hook, creator *int64) ([]Assignment, error) {
	if h.Function == HookCreator {
		if creator == nil {
			return nil, nil
		}
		return []Assignment{{UserID: creator}}, nil
	}
	table, column, names := "core_users", "username", hookTexts(h, "users")
	if h.Function == HookGroups {
		table, column, names = "core_groups", "name", hookTexts(h, "groups")
	}
	var out []Assignment
	for _, name := range names {
		var ids []int64
		if err := tx.Table(table).Where(column+" = ?", name).Limit(1).Pluck("id", &ids).Error; err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, errs.New(errs.Invalid, "the creation hook %s names %q, which is not there; edit the access policy", h.Function, name)
		}
		if h.Function == HookGroups {
			out = append(out, Assignment{GroupID: &ids[0]})
		} else {
			out = append(out, Assignment{UserID: &ids[0]})
		}
	}
	return out, nil
}

// FindRole gives a role by name with its permissions; one that is not there is Invalid under "role".
func FindRole(tx *gorm.DB, name string) (*Role, error) {
	var found []Role
	if err := tx.Where("name = ?", name).Limit(1).Find(&found).Error; err != nil {
		return nil, fmt.Errorf("look for a role: %w", err)
	}
	if len(found) == 0 {
		return nil, errs.Field("role", "There is no role %q; look at the list of roles.", name)
	}
	err := tx.Model(&rolePermission{}).Where("role_id = ?", found[0].ID).Order("permission").Pluck("permission", &found[0].Permissions).Error
	if err != nil {
		return nil, fmt.Errorf("read the permissions of a role: %w", err)
	}
	return &found[0], nil
}

// CreatorRoles are the names of the roles that the hooks of a policy give to creators, in order.
func (d *Decider) CreatorRoles(ctx context.Context, policy string) ([]string, error) {
	b, err := d.present(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range b.creatorRoles(policy) {
		names = append(names, r.Name)
	}
	return names, nil
}
