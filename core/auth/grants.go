package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// Bounds of what one process remembers: users, and objects of each user. Beyond them it forgets all and begins anew.
const (
	maxUsers   = 4096
	maxObjects = 8192
)

// grants is what roles give to one user, as of a mark.
type grants struct {
	mark   int64
	groups []group
	// levels holds permissions by domain; "" stands for everywhere.
	levels map[string]map[string]bool

	mu      sync.Mutex
	objects map[Object]map[string]bool
}

type group struct {
	id   int64
	name string
}

// everywhere tells whether a permission is given for all objects, of a domain at least.
func (g *grants) everywhere(permission, domain string, byModel, byDomain bool) bool {
	return byModel && g.levels[""][permission] || byDomain && domain != "" && g.levels[domain][permission]
}

func (g *grants) known(o Object) (map[string]bool, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.objects[o]
	return found, ok
}

func (g *grants) remember(o Object, permissions map[string]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.objects) >= maxObjects {
		clear(g.objects)
	}
	g.objects[o] = permissions
}

// groupIDs are the numbers of the user's groups.
func (g *grants) groupIDs() []int64 {
	ids := make([]int64, len(g.groups))
	for i := range g.groups {
		ids[i] = g.groups[i].id
	}
	return ids
}

// ledger remembers grants of users as long as the mark has not moved.
type ledger struct {
	mu    sync.Mutex
	users map[int64]*grants
}

func (l *ledger) get(user, mark int64) *grants {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.users[user]; g != nil && g.mark == mark {
		return g
	}
	return nil
}

func (l *ledger) put(user int64, g *grants) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == nil || len(l.users) >= maxUsers {
		l.users = map[int64]*grants{}
	}
	l.users[user] = g
}

// grantRow is a line of the one query for what a user has: a group, a permission at a level, or one on the object.
type grantRow struct {
	Kind string
	A    *string
	B    string
}

// grantsOf gives what roles give to the user, and on an object, with at most one query.
func (d *Decider) grantsOf(ctx context.Context, user *User, o Object) (*grants, map[string]bool, error) {
	mark, err := d.markOf(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	g := d.ledger.get(user.ID, mark)
	if g != nil {
		if o.ID == "" {
			return g, nil, nil
		}
		if on, ok := g.known(o); ok {
			return g, on, nil
		}
	}
	rows, err := d.readGrants(ctx, user.ID, o, g == nil)
	if err != nil {
		return nil, nil, err
	}
	if g == nil {
		g = newGrants(mark, rows)
		d.ledger.put(user.ID, g)
	}
	if o.ID == "" {
		return g, nil, nil
	}
	on, err := d.onObject(ctx, mark, o, rows)
	if err != nil {
		return nil, nil, err
	}
	g.remember(o, on)
	return g, on, nil
}

func newGrants(mark int64, rows []grantRow) *grants {
	g := &grants{mark: mark, levels: map[string]map[string]bool{}, objects: map[Object]map[string]bool{}}
	for _, r := range rows {
		switch r.Kind {
		case "group":
			var id int64
			if r.A != nil {
				_, _ = fmt.Sscan(*r.A, &id) // a number that the database wrote
			}
			g.groups = append(g.groups, group{id, r.B})
		case "level":
			domain := ""
			if r.A != nil {
				domain = *r.A
			}
			if g.levels[domain] == nil {
				g.levels[domain] = map[string]bool{}
			}
			g.levels[domain][r.B] = true
		}
	}
	return g
}

// onObject gathers the permissions on the object, those of its creator among them.
func (d *Decider) onObject(ctx context.Context, mark int64, o Object, rows []grantRow) (map[string]bool, error) {
	on := map[string]bool{}
	for _, r := range rows {
		switch r.Kind {
		case "object":
			on[r.B] = true
		case "creator":
			b, err := d.bookAt(ctx, mark)
			if err != nil {
				return nil, err
			}
			for _, role := range b.creatorRoles(d.declared.owns[o.Model].Policy) {
				for _, p := range role.Permissions {
					on[p] = true
				}
			}
		}
	}
	return on, nil
}

const (
	sqlGroups = `SELECT 'group' AS kind, CAST(g.id AS text) AS a, g.name AS b FROM core_group_users m JOIN core_groups g ON g.id = m.group_id WHERE m.user_id = @user`
	sqlLevels = `SELECT 'level' AS kind, CAST(a.domain_id AS text) AS a, p.permission AS b FROM core_role_assignments a
	JOIN core_role_permissions p ON p.role_id = a.role_id WHERE a.user_id = @user AND a.model IS NULL
	UNION ALL SELECT 'level', CAST(a.domain_id AS text), p.permission FROM core_group_users m JOIN core_role_assignments a ON a.group_id = m.group_id
	JOIN core_role_permissions p ON p.role_id = a.role_id WHERE m.user_id = @user AND a.model IS NULL`
	sqlObject = `SELECT 'object' AS kind, NULL AS a, p.permission AS b FROM core_role_assignments a
	JOIN core_role_permissions p ON p.role_id = a.role_id WHERE a.object_id = @object AND a.model = @model AND a.user_id = @user
	UNION ALL SELECT 'object', NULL, p.permission FROM core_role_assignments a JOIN core_group_users m ON m.group_id = a.group_id
	JOIN core_role_permissions p ON p.role_id = a.role_id WHERE a.object_id = @object AND a.model = @model AND m.user_id = @user`
)

func (d *Decider) readGrants(ctx context.Context, user int64, o Object, levels bool) ([]grantRow, error) {
	var parts []string
	args := map[string]any{"user": user}
	if levels {
		parts = append(parts, sqlGroups, sqlLevels)
	}
	if o.ID != "" {
		parts = append(parts, sqlObject)
		args["object"], args["model"] = o.Key(), o.Model
		if own, ok := d.declared.owns[o.Model]; ok {
			parts = append(parts, "SELECT 'creator' AS kind, NULL AS a, '' AS b FROM "+own.Table+" WHERE id = @object AND "+own.Column+" = @user")
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	var rows []grantRow
	if err := d.db.Read(ctx).Raw(strings.Join(parts, " UNION ALL "), args).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what roles give: %w", err)
	}
	return rows, nil
}

// markOf is the mark that the user's row was read with, or the present one.
func (d *Decider) markOf(ctx context.Context, user *User) (int64, error) {
	if user != nil && user.Mark != 0 {
		return user.Mark, nil
	}
	return readMark(d.db.Read(ctx))
}

func readMark(tx *gorm.DB) (mark int64, err error) {
	if err := tx.Raw("SELECT mark FROM core_access_mark WHERE id = 1").Scan(&mark).Error; err != nil {
		return 0, fmt.Errorf("read the mark of access: %w", err)
	}
	return mark, nil
}

// remembered is the book of a mark, nil when it is not at hand.
func (d *Decider) remembered(mark int64) *book {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.book == nil || d.book.mark != mark {
		return nil
	}
	return d.book
}

// bookAt gives roles and policies as of a mark.
func (d *Decider) bookAt(ctx context.Context, mark int64) (*book, error) {
	if have := d.remembered(mark); have != nil {
		return have, nil
	}
	var fresh *book
	err := d.db.Read(ctx).Transaction(func(tx *gorm.DB) (err error) {
		fresh, err = readBook(tx, mark, d.declared, d.overrides)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.book == nil || d.book.mark < mark {
		d.book = fresh
	}
	return fresh, nil
}

// present gives roles and policies as of the mark of the user; see markOf.
func (d *Decider) present(ctx context.Context, user *User) (*book, error) {
	mark, err := d.markOf(ctx, user)
	if err != nil {
		return nil, err
	}
	return d.bookAt(ctx, mark)
}

// Groups are the names of the groups that the user is in, in order.
func (d *Decider) Groups(ctx context.Context, user *User) ([]string, error) {
	g, _, err := d.grantsOf(ctx, user, Object{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range g.groups {
		names = append(names, one.name)
	}
	return slices.Sorted(slices.Values(names)), nil
}

// HasRole tells whether the user, or a group of his, has a role on the very object; as its creator too, where that is kept
// in the object's row.
func (d *Decider) HasRole(ctx context.Context, user *User, role string, o Object) (bool, error) {
	g, _, err := d.grantsOf(ctx, user, Object{})
	if err != nil || o.ID == "" {
		return false, err
	}
	b, err := d.bookAt(ctx, g.mark)
	if err != nil {
		return false, err
	}
	r := b.byName[role]
	if r == nil {
		return false, nil
	}
	var n int64
	groups := append(g.groupIDs(), 0)
	err = d.db.Read(ctx).Model(&Assignment{}).Where("object_id = ? AND model = ? AND role_id = ? AND (user_id = ? OR group_id IN ?)", o.Key(), o.Model, r.ID, user.ID, groups).Limit(1).Count(&n).Error
	if err != nil || n > 0 {
		return n > 0, err
	}
	own, ok := d.declared.owns[o.Model]
	if !ok || !slices.Contains(slices.Collect(roleNames(b.creatorRoles(own.Policy))), role) {
		return false, nil
	}
	err = d.db.Read(ctx).Table(own.Table).Where("id = ? AND "+own.Column+" = ?", o.Key(), user.ID).Limit(1).Count(&n).Error
	return n > 0, err
}

func roleNames(roles []*Role) func(yield func(string) bool) {
	names := map[string]bool{}
	for _, r := range roles {
		names[r.Name] = true
	}
	return maps.Keys(names)
}
