package base

import (
	"context"

	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// migrateDomain is the task that brings the files of a domain to another storage.
type migrateDomain struct {
	Domain string       `json:"domain"`
	Place  domain.Place `json:"place"`
}

// Kind is the task's name.
func (migrateDomain) Kind() string { return "pulpcore.app.tasks.migrate.migrate_backend" }

// Locks keep all other tasks out of the domain.
func (a migrateDomain) Locks() task.Locks { return domainLocks(a.Domain) }

type migrateBody struct {
	class    storageClass
	settings model.JSON
}

// migrateAction brings the domain of the path to another storage.
func migrateAction() resource.Action[domainRow] {
	body := resource.Accepts[migrateBody]{Component: "DomainBackendMigrator", Fields: []resource.Field[migrateBody]{
		resource.OneOf("storage_class", func(b *migrateBody) *storageClass { return &b.class }, classes()...).Unstored().Required().Doc("The kind of the new storage."),
		storageSettings(func(b *migrateBody) *model.JSON { return &b.settings }).Unstored(),
	}}
	return resource.Action[domainRow]{
		Verb: "migrate", OnList: true, Access: resource.Update, Body: body, Answers: resource.Accepted(),
		Doc: "Bring the files of the domain to another storage, and then use that one.",
		Handle: func(c *resource.Call, _ *domainRow) (*resource.Answer, error) {
			if c.Domain == ident.DefaultDomain {
				return nil, defaultStays()
			}
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			place, err := b.place(c)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(migrateDomain{Domain: c.Domain, Place: place}, nil)
		},
	}
}

// place reads and tries the new storage.
func (b *migrateBody) place(c *resource.Call) (domain.Place, error) {
	in := c.Input()
	given, err := members(b.settings)
	if err != nil {
		return domain.Place{}, errs.Field("storage_settings", "%s", err)
	}
	var row model.Domain
	if err := in.DB.WithContext(in.Context).Where("id = ?", c.Domain).Take(&row).Error; err != nil {
		return domain.Place{}, err
	}
	var before *domain.Place
	if kept, err := domain.Kept(in.Box, &row); err == nil {
		before = &kept
	}
	place, err := domain.Read(string(b.class), given, before)
	if err != nil {
		return place, err
	}
	if in.Storages == nil {
		return place, errs.New(errs.Internal, "no storages can be opened here")
	}
	now, err := domain.Outline(&row)
	if err != nil {
		return place, err
	}
	switch {
	case now.ID() == place.ID():
		return place, errs.Field("storage_settings", "The files are there already; change the domain itself if only the keys are new.")
	case now.Nested(place):
		return place, errs.Field("storage_settings", "The place lies inside of the present storage, or around it; choose one beside it.")
	}
	if err := in.Storages.Admit(place); err != nil {
		return place, err
	}
	if err := apart(in.Context, in.DB, in.Storages, place, row.ID); err != nil {
		return place, err
	}
	return place, in.Storages.Try(in.Context, place)
}

func domainHandlers(env *resource.Env) []task.Handler {
	return []task.Handler{
		task.Handle(func(ctx context.Context, run *task.Run, a migrateDomain) (any, error) {
			return nil, runMigration(ctx, run, env, a)
		}, task.Long()), // copies every file; the domain waits for it, so it is not kept back
		task.Handle(func(ctx context.Context, run *task.Run, a deleteDomain) (any, error) {
			return nil, runDeleteDomain(ctx, run, env, a)
		}, task.Long()), // removes every file
	}
}
