package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// Role is a set of permissions with a name, one row of core_roles.
type Role struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Description *string
	// Locked roles are those that resources declare.
	Locked          bool
	PulpCreated     time.Time
	PulpLastUpdated time.Time
	Permissions     []string `gorm:"-"`
}

// TableName is the table of the rows.
func (Role) TableName() string { return "core_roles" }

type rolePermission struct {
	RoleID     string
	Permission string
}

// TableName is the table of the rows.
func (rolePermission) TableName() string { return "core_role_permissions" }

// Assignment gives a role to a user or a group: everywhere, in a domain or on an object.
type Assignment struct {
	ID              string `gorm:"primaryKey"`
	UserID, GroupID *int64
	RoleID          string
	DomainID        *string
	// Model and ObjectID name an object; ObjectID is the key of Object.Key.
	Model, ObjectID *string
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// TableName is the table of the rows.
func (Assignment) TableName() string { return "core_role_assignments" }

// Group is a set of users, one row of core_groups.
type Group struct {
	ID   int64 `gorm:"primaryKey"`
	Name string
}

// TableName is the table of the rows.
func (Group) TableName() string { return "core_groups" }

// Membership puts a user into a group.
type Membership struct {
	GroupID int64 `gorm:"primaryKey;autoIncrement:false"`
	UserID  int64 `gorm:"primaryKey;autoIncrement:false"`
}

// TableName is the table of the rows.
func (Membership) TableName() string { return "core_group_users" }

// Changed must be called in every transaction that changes roles, assignments, groups or policies: what processes
// remember of them counts no longer once it is committed.
func Changed(tx *db.Tx) error {
	err := tx.Exec("UPDATE core_access_mark SET mark = mark + 1 WHERE id = 1").Error
	if err != nil {
		return fmt.Errorf("note that access changed: %w", err)
	}
	return nil
}

// Assign gives roles. One that is there already is left as it is. Calling it for a new object needs no Changed, since
// nobody can have asked about it before.
func Assign(tx *db.Tx, rows ...Assignment) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i := range rows {
		a := &rows[i]
		found, err := FindAssignments(tx.DB, *a)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			continue
		}
		a.ID, a.PulpCreated, a.PulpLastUpdated = ident.New(), now, now
		if err := tx.Create(a).Error; err != nil {
			return fmt.Errorf("give a role: %w", err)
		}
	}
	return nil
}

// FindAssignments gives the rows that give the same role to the same one at the same place.
func FindAssignments(tx *gorm.DB, a Assignment) ([]Assignment, error) {
	q := tx.Where("role_id = ?", a.RoleID)
	for column, value := range map[string]any{"user_id": a.UserID, "group_id": a.GroupID, "domain_id": a.DomainID, "model": a.Model, "object_id": a.ObjectID} {
		switch v := value.(type) {
		case *int64:
			q = where(q, column, v)
		case *string:
			q = where(q, column, v)
		}
	}
	var found []Assignment
	if err := q.Find(&found).Error; err != nil {
		return nil, fmt.Errorf("look for an assignment of a role: %w", err)
	}
	return found, nil
}

func where[T any](q *gorm.DB, column string, value *T) *gorm.DB {
	if value == nil {
		return q.Where(column + " IS NULL")
	}
	return q.Where(column+" = ?", *value)
}

// ForgetObject removes the assignments on an object that is deleted.
func ForgetObject(tx *db.Tx, o Object) error {
	err := tx.Exec("DELETE FROM core_role_assignments WHERE model = ? AND object_id = ?", o.Model, o.Key()).Error
	if err != nil {
		return fmt.Errorf("remove the roles on %s: %w", o.PRN(), err)
	}
	return nil
}

// SaveRole stores a role with its permissions; an existing row of the id is replaced. A name that is taken is Invalid.
func SaveRole(tx *db.Tx, r *Role) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	r.PulpLastUpdated = now
	if r.ID == "" {
		r.ID, r.PulpCreated = ident.New(), now
		if err := tx.Create(r).Error; err != nil {
			return taken(err, "name")
		}
	} else if err := tx.Model(&Role{}).Where("id = ?", r.ID).Updates(map[string]any{"name": r.Name, "description": r.Description, "locked": r.Locked, "pulp_last_updated": now}).Error; err != nil {
		return taken(err, "name")
	}
	if err := tx.Where("role_id = ?", r.ID).Delete(&rolePermission{}).Error; err != nil {
		return fmt.Errorf("store a role: %w", err)
	}
	permissions := slices.Compact(slices.Sorted(slices.Values(r.Permissions)))
	for _, p := range permissions {
		if err := tx.Create(&rolePermission{r.ID, p}).Error; err != nil {
			return fmt.Errorf("store a role: %w", err)
		}
	}
	r.Permissions = permissions
	return Changed(tx)
}

func taken(err error, field string) error {
	if _, twice := db.Duplicate(err); twice {
		return errs.Field(field, "This field must be unique.")
	}
	return fmt.Errorf("store a role: %w", err)
}

// Sync brings the locked roles and the rows of the policies in line with what is declared. It changes nothing when they
// are, and leaves what people edited. Roles that nobody declares any more stay as long as somebody has them.
func Sync(ctx context.Context, d *db.DB, declared *Declared) error {
	return d.InTx(ctx, func(tx *db.Tx) error {
		if err := syncRoles(tx, declared); err != nil {
			return err
		}
		return syncPolicies(tx, declared)
	})
}

func syncRoles(tx *db.Tx, declared *Declared) error {
	have, err := LoadRoles(tx.DB)
	if err != nil {
		return err
	}
	byName := map[string]*Role{}
	for i := range have {
		byName[have[i].Name] = &have[i]
	}
	for _, spec := range declared.Roles() {
		r := byName[spec.Name]
		if r != nil && r.Locked && slices.Equal(r.Permissions, spec.Permissions) {
			continue
		}
		if r == nil {
			r = &Role{Name: spec.Name}
		}
		r.Locked, r.Permissions = true, spec.Permissions
		if spec.Description != "" {
			r.Description = &spec.Description
		}
		if err := SaveRole(tx, r); err != nil {
			return err
		}
	}
	return nil
}

// LoadRoles reads all roles with their permissions in order.
func LoadRoles(tx *gorm.DB) ([]Role, error) {
	var roles []Role
	if err := tx.Order("id").Find(&roles).Error; err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	var permissions []rolePermission
	if err := tx.Order("permission").Find(&permissions).Error; err != nil {
		return nil, fmt.Errorf("read the permissions of roles: %w", err)
	}
	byID := map[string]*Role{}
	for i := range roles {
		byID[roles[i].ID] = &roles[i]
	}
	for _, p := range permissions {
		if r := byID[p.RoleID]; r != nil {
			r.Permissions = append(r.Permissions, p.Permission)
		}
	}
	return roles, nil
}

func syncPolicies(tx *db.Tx, declared *Declared) error {
	var have []PolicyRow
	if err := tx.Find(&have).Error; err != nil {
		return fmt.Errorf("read the access policies: %w", err)
	}
	known := map[string]bool{}
	for _, row := range have {
		known[row.ViewsetName] = true
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, name := range declared.Policies() {
		if known[name] {
			continue
		}
		if err := tx.Create(&PolicyRow{ID: ident.New(), ViewsetName: name, PulpCreated: now, PulpLastUpdated: now}).Error; err != nil {
			return fmt.Errorf("add the access policy of %s: %w", name, err)
		}
	}
	return nil
}
