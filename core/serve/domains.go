package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Domains finds domains by their names as Memory does distributions: at least once a second anew, and without a database
// as they were.
type Domains struct {
	byName *vigil[string, model.Domain]
}

// NewDomains reads domains from a database; commits is that of NewMemory.
func NewDomains(d Reader, commits func() uint64) *Domains {
	return newDomains(d, clock{now: time.Now, commits: commits})
}

func newDomains(d Reader, c clock) *Domains {
	return &Domains{newVigil(c, func(ctx context.Context, names []string) (map[string]model.Domain, error) {
		var rows []model.Domain
		if err := d.Read(ctx).Where("name IN ?", names).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("find domains: %w", db.Translate(err))
		}
		out := map[string]model.Domain{}
		for _, row := range rows {
			out[row.Name] = row
		}
		return out, nil
	})}
}

// Named gives a domain; errs.NotFound when there is none of that name, errs.Unavailable when that cannot be known.
func (d *Domains) Named(ctx context.Context, name string) (*model.Domain, error) {
	row, there, err := d.byName.get(ctx, name)
	switch {
	case there:
		return &row, nil
	case err != nil:
		return nil, err
	}
	return nil, errs.New(errs.NotFound, "there is no domain %q", name)
}
