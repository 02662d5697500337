package base

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// deleteDomain is the task that removes a domain with what nothing in it refers to. It is one of the default domain: a
// task cannot outlive its own.
type deleteDomain struct {
	Domain string `json:"domain"`
}

// Kind is the task's name.
func (deleteDomain) Kind() string { return "pulpcore.app.tasks.domain.delete" }

// Locks keep everything else out of the domain.
func (a deleteDomain) Locks() task.Locks { return domainLocks(a.Domain) }

// leaves are the tables whose rows go with their domain: nothing of them was made for its own sake.
func leaves() []string {
	return []string{"core_uploads", "core_tasks", "core_task_groups"} // uploads that came since removeUploads, too
}

func deleteDomainBy(c *resource.Call, d *domainRow) (*resource.Answer, error) {
	if d.base.ID == ident.DefaultDomain {
		return nil, defaultStays()
	}
	origin := task.OriginFrom(c.Context())
	origin.DomainID = ident.DefaultDomain
	var row *task.Row
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) (err error) {
		row, err = c.Env.Tasks.Dispatch(task.WithOrigin(c.Context(), origin), tx, deleteDomain{Domain: d.base.ID})
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &resource.Show{Names: c.Env.Names.In("")}
	s.Raw(`{"task":`)
	s.Href(taskPath(row.ID))
	s.Raw("}")
	return &resource.Answer{Status: 202, JSON: s.Bytes()}, nil
}

// keepers are the nouns that keep a domain from being deleted, by table.
func keepers() [][2]string {
	return [][2]string{
		{"core_repositories", "repositories"}, {"core_remotes", "remotes"}, {"core_distributions", "distributions"}, {"core_publications", "publications"},
		{"core_alternate_content_sources", "alternate content sources"}, {"core_content_guards", "content guards"},
		{"core_task_schedules", "task schedules"},
	}
}

// removable refuses a domain in which there still is something that was made for its own sake.
func (c *cleaner) removable(ctx context.Context, tx *gorm.DB) error {
	tx = tx.WithContext(ctx)
	name, err := domain.NameOf(tx, c.domain)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var units []string
	err = tx.Raw(`SELECT c.content_id FROM core_repository_contents c JOIN core_repositories r ON r.id = c.repository_id WHERE r.domain_id = ? LIMIT 1`, c.domain).Scan(&units).Error
	if err != nil {
		return err
	}
	if len(units) > 0 {
		return errs.Coded(errs.Conflict, "PLP0007", "The domain %q has content in repositories; delete its repositories first.", name)
	}
	for _, k := range keepers() {
		var names []string
		column := "name"
		if k[0] == "core_publications" {
			column = "id"
		}
		if err := tx.Table(k[0]).Where("domain_id = ?", c.domain).Order("id").Limit(1).Pluck(column, &names).Error; err != nil {
			return err
		}
		if len(names) > 0 {
			return errs.New(errs.Conflict, "The domain %q still has %s, such as %q; delete them first.", name, k[1], names[0])
		}
	}
	return nil
}

func runDeleteDomain(ctx context.Context, run *task.Run, env *resource.Env, a deleteDomain) error {
	c, err := newCleaner(ctx, env, run, a.Domain, model.Now())
	if errs.Is(err, errs.NotFound) {
		return nil // somebody else deleted it first, which is what was wanted
	}
	if err != nil {
		return err
	}
	if err := c.removable(ctx, env.DB.Read(ctx)); err != nil {
		return err
	}
	if err := c.contents(ctx, nil); err != nil {
		return err
	}
	if err := run.InTx(ctx, func(tx *db.Tx) error { return forgetProfiles(tx, a.Domain) }); err != nil {
		return err
	}
	if err := c.artifacts(ctx); err != nil {
		return err
	}
	if err := run.InTx(ctx, func(tx *db.Tx) error { return c.removeDomain(ctx, tx) }); err != nil {
		return err
	}
	return c.emptyStorage(ctx)
}

// removeDomain deletes the row with what goes with it. Rows that came meanwhile are told by name.
func (c *cleaner) removeDomain(ctx context.Context, tx *db.Tx) error {
	if err := tx.LockRow("core_domains", c.domain); errs.Is(err, errs.NotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := c.removable(ctx, tx.DB); err != nil {
		return err
	}
	if err := c.removeUploads(tx); err != nil {
		return err
	}
	for _, table := range leaves() {
		if err := tx.Exec("DELETE FROM "+table+" WHERE domain_id = ?", c.domain).Error; err != nil {
			return fmt.Errorf("remove what belongs to the domain: %w", err)
		}
	}
	if err := auth.ForgetObject(tx, auth.Object{Model: domainModel, ID: c.domain}); err != nil {
		return err
	}
	if err := auth.Changed(tx); err != nil { // roles that were given in it go too
		return err
	}
	err := db.Translate(tx.Exec("DELETE FROM core_domains WHERE id = ?", c.domain).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.New(errs.Conflict, "The domain is still in use, by objects of a plugin or a content guard; delete them first: %w", err)
	}
	return err
}

// removeUploads deletes the uploads of the domain, whose bytes do not lie below the keys of the domain.
func (c *cleaner) removeUploads(tx *db.Tx) error {
	var ids []string
	if err := tx.Raw("SELECT id FROM core_uploads WHERE domain_id = ?", c.domain).Scan(&ids).Error; err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.store.DeleteUpload(tx, id); err != nil && !errs.Is(err, errs.NotFound) { // its own request was faster
			return fmt.Errorf("remove an upload of the domain: %w", err)
		}
	}
	return nil
}

// emptyStorage removes all bytes below the keys of a domain that is gone. What is left after an error is told, and no
// fault of the delete.
func (c *cleaner) emptyStorage(ctx context.Context) error {
	for info, err := range c.store.Storage.List(ctx, c.store.Prefix()) {
		if err == nil {
			err = c.store.Storage.Delete(ctx, info.Key)
		}
		if err != nil {
			c.run.Log().Warn("not all bytes of the deleted domain could be removed from its storage", "prefix", c.store.Prefix(), "error", err)
			return nil
		}
	}
	return nil
}
