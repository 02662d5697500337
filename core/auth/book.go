package auth

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// PolicyRow is a policy as people edited it, one row of core_access_policies. While nobody did, its members are null and
// what is declared stands.
type PolicyRow struct {
	ID              string `gorm:"primaryKey"`
	ViewsetName     string
	Statements      model.JSON
	CreationHooks   model.JSON
	QuerysetScoping model.JSON
	Customized      bool
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// TableName is the table of the rows.
func (PolicyRow) TableName() string { return "core_access_policies" }

// Over lays the row over what is declared.
func (r *PolicyRow) Over(declared *Policy) (*Policy, error) {
	if !r.Customized {
		return declared, nil
	}
	p := *declared
	for _, part := range []struct {
		text model.JSON
		into any
	}{{r.Statements, &p.Statements}, {r.CreationHooks, &p.Hooks}, {r.QuerysetScoping, &p.Scoping}} {
		if part.text == nil {
			continue
		}
		// What is read into must be new: the decoder reuses slices, and these are those of the declaration.
		reflect.ValueOf(part.into).Elem().SetZero()
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return nil, errs.New(errs.Internal, "the access policy of %s cannot be read; reset it: %w", r.ViewsetName, err)
		}
	}
	return &p, p.Check()
}

// book is everything about roles and policies at one mark. It is never changed once it is made.
type book struct {
	mark     int64
	roles    map[string]*Role
	byName   map[string]*Role
	granting map[string][]string
	policies map[string]*compiled
}

// compiled is a policy with its conditions parsed.
type compiled struct {
	*Policy
	statements []compiledStatement
}

type compiledStatement struct {
	*Statement
	conditions []condition
}

func compile(p *Policy) (*compiled, error) {
	c := &compiled{Policy: p}
	for i := range p.Statements {
		s := compiledStatement{Statement: &p.Statements[i]}
		for _, text := range s.Condition {
			parsed, err := parseCondition(text)
			if err != nil {
				return nil, err
			}
			s.conditions = append(s.conditions, parsed)
		}
		c.statements = append(c.statements, s)
	}
	return c, nil
}

// readBook reads all roles and policies; there are few, and they are read only when they changed.
func readBook(tx *gorm.DB, mark int64, declared *Declared, overrides map[string]*Policy) (*book, error) {
	b := &book{mark: mark, roles: map[string]*Role{}, byName: map[string]*Role{}, granting: map[string][]string{}, policies: map[string]*compiled{}}
	roles, err := LoadRoles(tx)
	if err != nil {
		return nil, err
	}
	for i := range roles {
		r := &roles[i]
		b.roles[r.ID], b.byName[r.Name] = r, r
		for _, p := range r.Permissions {
			b.granting[p] = append(b.granting[p], r.ID)
		}
	}
	var rows []PolicyRow
	if err := tx.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the access policies: %w", err)
	}
	edited := map[string]*PolicyRow{}
	for i := range rows {
		edited[rows[i].ViewsetName] = &rows[i]
	}
	for _, name := range declared.Policies() {
		p, err := effective(name, declared, overrides, edited[name])
		if err != nil {
			return nil, err
		}
		if b.policies[name], err = compile(p); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// effective is the policy that counts: the edited row, over the settings, over what is declared.
func effective(name string, declared *Declared, overrides map[string]*Policy, row *PolicyRow) (*Policy, error) {
	p := declared.policies[name]
	if o := overrides[name]; o != nil {
		p = o
	}
	if row == nil {
		return p, nil
	}
	return row.Over(p)
}

// creatorRoles are the roles that the hooks of a policy give to the creator of an object.
func (b *book) creatorRoles(policy string) []*Role {
	p := b.policies[policy]
	if p == nil {
		return nil
	}
	var roles []*Role
	for _, h := range p.Hooks {
		if h.Function != HookCreator {
			continue
		}
		for _, name := range hookTexts(h, "roles") {
			if r := b.byName[name]; r != nil {
				roles = append(roles, r)
			}
		}
	}
	return roles
}

// grants tells whether one of the roles gives a permission.
func grantsOne(roles []*Role, permission string) bool {
	return slices.ContainsFunc(roles, func(r *Role) bool { return slices.Contains(r.Permissions, permission) })
}
