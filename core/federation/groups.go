package federation

import (
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

// wanted are the groups here that the profile puts the user into, sorted.
func wanted(s Source, p Profile) []string {
	names := map[string]bool{}
	for _, group := range p.Groups {
		if name := s.Groups[group]; name != "" {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// managed are the groups that follow the source and have the user as a member, by name.
func managed(tx *gorm.DB, s Source, user int64) (map[string]int64, error) {
	if len(s.Groups) == 0 {
		return nil, nil
	}
	var rows []auth.Group
	err := tx.Joins("JOIN core_group_users m ON m.group_id = core_groups.id").
		Where("m.user_id = ? AND core_groups.name IN ?", user, slices.Sorted(maps.Values(s.Groups))).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the groups of user %d: %w", user, err)
	}
	found := map[string]int64{}
	for _, g := range rows {
		found[g.Name] = g.ID
	}
	return found, nil
}

func same(want []string, have map[string]int64) bool {
	return slices.Equal(want, slices.Sorted(maps.Keys(have)))
}

// join makes the user's memberships what is wanted, out of those that there are. A group that is missing is made: the
// operator named it in the settings, and without roles it may do nothing.
func join(tx *db.Tx, user int64, want []string, have map[string]int64) error {
	if same(want, have) {
		return nil
	}
	for name, id := range have {
		if slices.Contains(want, name) {
			continue
		}
		if err := tx.Where("group_id = ? AND user_id = ?", id, user).Delete(&auth.Membership{}).Error; err != nil {
			return fmt.Errorf("take user %d out of group %s: %w", user, name, err)
		}
	}
	for _, name := range want {
		if _, member := have[name]; member {
			continue
		}
		if err := enter(tx, user, name); err != nil {
			return fmt.Errorf("put user %d into group %s: %w", user, name, err)
		}
	}
	return auth.Changed(tx)
}

func enter(tx *db.Tx, user int64, name string) error {
	once := clause.OnConflict{DoNothing: true}
	if err := tx.Clauses(once).Create(&auth.Group{Name: name}).Error; err != nil {
		return err
	}
	var group auth.Group
	if err := tx.Where("name = ?", name).Take(&group).Error; err != nil {
		return err
	}
	return tx.Clauses(once).Create(&auth.Membership{GroupID: group.ID, UserID: user}).Error
}
