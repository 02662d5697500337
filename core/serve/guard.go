package serve

import (
	"context"
	"fmt"
	"reflect"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Guard is a content guard as its rows were at one moment. Guards of the same rows are equal by reflect.DeepEqual, so
// one that was changed while it decided is noticed.
type Guard interface {
	// Permit gives nil when the visit may pass, and errs.Forbidden with a reason for the client when it may not. Any other
	// error keeps the client out as well. It runs outside of any transaction.
	Permit(ctx context.Context, v *Visit) error
}

// GuardKind is how guards of one type are read.
type GuardKind struct {
	// PulpType is the type of the guard, such as "core.header".
	PulpType string
	// Load reads a guard of the type in the look-up's snapshot; find reads the guards that it is made of.
	Load func(ctx context.Context, tx *gorm.DB, id string, find FindGuard) (Guard, error)
}

// FindGuard reads another guard of the same domain in the same snapshot. One that is made of itself is refused.
type FindGuard func(id string) (Guard, error)

// maxGuards is how many guards may decide about one distribution.
const maxGuards = 256

// guards reads the guard of a distribution with those that it is made of.
type guards struct {
	resolver *Resolver
	tx       *gorm.DB
	domain   string
	// known holds what was read; nil stands for a guard that is being read.
	known map[string]Guard
}

// guardOf reads what guards a distribution of a domain.
func (r *Resolver) guardOf(tx *gorm.DB, domain, id string) (Guard, error) {
	g := &guards{resolver: r, tx: tx, domain: domain, known: map[string]Guard{}}
	return g.find(id)
}

// guardsOf reads guards as guardOf does, each of them once: many distributions have the same.
func (r *Resolver) guardsOf(tx *gorm.DB) func(domain, id string) (Guard, error) {
	type outcome struct {
		guard Guard
		err   error
	}
	known := map[[2]string]outcome{}
	return func(domain, id string) (Guard, error) {
		at := [2]string{domain, id}
		o, read := known[at]
		if !read {
			o.guard, o.err = r.guardOf(tx, domain, id)
			known[at] = o
		}
		return o.guard, o.err
	}
}

func (g *guards) find(id string) (Guard, error) {
	if guard, asked := g.known[id]; asked {
		if guard == nil {
			return nil, closed("its content guard is made of itself")
		}
		return guard, nil
	}
	if len(g.known) == maxGuards {
		return nil, closed("its content guard is made of too many others")
	}
	g.known[id] = nil
	var types []string
	err := g.tx.Table("core_content_guards").Where("id = ? AND domain_id = ?", id, g.domain).Limit(1).Pluck("pulp_type", &types).Error
	if err != nil {
		return nil, err
	}
	if len(types) == 0 {
		return nil, closed("its content guard is not there any more")
	}
	kind, served := g.resolver.guards[types[0]]
	if !served {
		return nil, closed("no enabled plugin can check its content guard")
	}
	guard, err := kind.Load(g.tx.Statement.Context, g.tx, id, g.find)
	if err != nil {
		return nil, fmt.Errorf("read the content guard %s: %w", id, err)
	}
	g.known[id] = guard
	return guard, nil
}

// closed is for guards that cannot decide: then nobody passes.
func closed(why string) error {
	return errs.New(errs.Forbidden, "this distribution is closed: %s; ask its owner for access", why)
}

// same tells whether two guards were read from the same rows.
func same(a, b Guard) bool { return a != nil && reflect.DeepEqual(a, b) }
