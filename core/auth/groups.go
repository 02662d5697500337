package auth

import (
	"fmt"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// GroupModel and UserModel are the labels of groups and users in PRNs and permissions.
const (
	GroupModel = "core.group"
	UserModel  = "auth.user"
)

// CheckGroup finds the faults of the name of a group: an Invalid error by field.
func CheckGroup(name string) error {
	fault := textFault(name, maxName)
	if name == "" {
		fault = "This field may not be blank."
	}
	if fault != "" {
		return errs.Field("name", "%s", fault)
	}
	return nil
}

// CreateGroup stores a new group. A name that is taken is Invalid.
func CreateGroup(tx *db.Tx, name string) (*Group, error) {
	if err := CheckGroup(name); err != nil {
		return nil, err
	}
	g := &Group{Name: name}
	if err := tx.Create(g).Error; err != nil {
		return nil, taken(err, "name")
	}
	return g, nil
}

// FindGroup gives the group of a name; a missing one is NotFound.
func FindGroup(tx *gorm.DB, name string) (*Group, error) {
	var found []Group
	if err := tx.Where("name = ?", name).Limit(1).Find(&found).Error; err != nil {
		return nil, fmt.Errorf("look for a group: %w", err)
	}
	if len(found) == 0 {
		return nil, errs.New(errs.NotFound, "There is no such group; look at the list of groups.")
	}
	return &found[0], nil
}

// DeleteGroup removes a group with its memberships, its roles and the roles on it; a missing one is NotFound.
func DeleteGroup(tx *db.Tx, g Group) error {
	if err := ForgetObject(tx, Object{Model: GroupModel, ID: fmt.Sprint(g.ID)}); err != nil {
		return err
	}
	done := tx.Delete(&Group{}, g.ID)
	if done.Error != nil {
		return fmt.Errorf("delete the group %s: %w", g.Name, done.Error)
	}
	if done.RowsAffected == 0 {
		return errs.New(errs.NotFound, "There is no such group; look at the list of groups.")
	}
	return Changed(tx)
}

// MemberPRNs names a group and a user of it, for the audit log: their PRNs with a space between, for a member has no PRN
// that would tell both.
func MemberPRNs(group, user int64) string {
	return ident.PRN(GroupModel, strconv.FormatInt(group, 10)) + " " + ident.PRN(UserModel, strconv.FormatInt(user, 10))
}

// AddMember puts a user into a group; one who is in it stays in it.
func AddMember(tx *db.Tx, group, user int64) error {
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&Membership{GroupID: group, UserID: user}).Error; err != nil {
		return fmt.Errorf("add a user to a group: %w", err)
	}
	return Changed(tx)
}

// RemoveMember takes a user out of a group; one who is not in it is NotFound.
func RemoveMember(tx *db.Tx, group, user int64) error {
	done := tx.Where("group_id = ? AND user_id = ?", group, user).Delete(&Membership{})
	if done.Error != nil {
		return fmt.Errorf("take a user out of a group: %w", done.Error)
	}
	if done.RowsAffected == 0 {
		return errs.New(errs.NotFound, "The user is not in the group.")
	}
	return Changed(tx)
}
