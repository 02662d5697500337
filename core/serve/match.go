package serve

import (
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// match gives the distribution with the longest base path that is a directory prefix of path; nil when there is none.
func match(tx *gorm.DB, domain, path string) (*model.Distribution, error) {
	if path == "" {
		return nil, nil
	}
	var found []model.Distribution
	err := tx.Where("domain_id = ? AND base_path IN ?", domain, prefixes(path)).
		Order("length(base_path) DESC").Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return new(found[0]), nil // a copy: what is remembered must not hold the whole slice
}

// above answers for a path that no distribution covers: the next segments of the base paths below it.
func (r *Resolver) above(tx *gorm.DB, domain, path string) (Result, error) {
	folder := path
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	base := r.basePaths(tx, domain, folder)
	if folder != path {
		some, err := base(folder, 1)
		if err == nil && len(some) == 0 {
			err = notFound()
		}
		return Result{AddSlash: err == nil}, err
	}
	entries, err := entries(tx.Statement.Context, folder, base)
	if err != nil {
		return Result{}, err
	}
	for i := range entries {
		entries[i] = Entry{Name: entries[i].Name, Dir: true} // a distribution is a folder
	}
	if len(entries) == 0 && path != "" {
		return Result{}, notFound()
	}
	return Result{Listing: &Listing{Entries: unique(entries)}}, nil
}

// basePaths pages through the base paths that a listing may show.
func (r *Resolver) basePaths(tx *gorm.DB, domain, folder string) pager {
	return func(from string, limit int) ([]row, error) {
		q := tx.Table("core_distributions").Select("base_path AS path").
			Where("domain_id = ? AND NOT hidden", domain)
		if r.hideGuarded {
			q = q.Where("content_guard_id IS NULL")
		}
		if domain != ident.DefaultDomain { // of that one the settings decide
			q = q.Where("content_guard_id IS NULL OR NOT EXISTS (SELECT 1 FROM core_domains o WHERE o.id = ? AND o.hide_guarded_distributions)", domain)
		}
		return rowsOf(page(q, "base_path", from, after(folder), limit))
	}
}
