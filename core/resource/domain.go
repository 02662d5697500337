package resource

import (
	"context"

	"github.com/packhouse/packhouse/core/domain"
)

// In gives what the process lends to its resources as a domain sees it: with hrefs below its name. It asks the database
// for the name only where there are domains.
func (e *Env) In(ctx context.Context, id string) (*Env, error) {
	if !e.Names.Domains {
		return e, nil
	}
	name, err := domain.NameOf(e.DB.Read(ctx), id)
	if err != nil {
		return nil, err
	}
	return e.Named(name), nil
}

// Named is In for a domain whose name is known.
func (e *Env) Named(name string) *Env {
	if !e.Names.Domains {
		return e
	}
	mine := *e
	mine.Names = e.Names.In(name)
	return &mine
}
