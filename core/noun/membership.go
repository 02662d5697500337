package noun

import (
	"math"
	"slices"
	"strconv"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
)

// At is a version as filters look at it.
type At struct {
	Repository string
	Number     int64
	Counts     model.Counts
}

// VersionOf follows the href or PRN of a version, or of a repository for its latest one.
func VersionOf(f *resource.Filtering, value string) (At, error) {
	o, err := f.Resolve(value, resource.Target{Model: repository.VersionModel}, resource.Target{Family: "repositories"})
	if err != nil {
		return At{}, err
	}
	var v model.RepositoryVersion
	query := f.DB.WithContext(f.Context).Order("number DESC").Limit(1)
	if o.Kind.Model == repository.VersionModel {
		query = query.Where("id = ?", o.ID)
	} else {
		query = query.Where("repository_id = ?", o.ID)
	}
	if err := query.Take(&v).Error; err != nil {
		return At{}, db.Translate(err)
	}
	counts, err := v.ReadCounts()
	return At{v.RepositoryID, v.Number, counts}, err
}

// MembershipFilters limit content to the members of a version, or to what a version added or removed. pulpType is the
// type of the content that is listed, empty for all types.
func MembershipFilters(pulpType string) []resource.Filter {
	return []resource.Filter{
		memberFilter("repository_version", repository.Present, pulpType),
		memberFilter("repository_version_added", repository.Added, pulpType),
		memberFilter("repository_version_removed", repository.Removed, pulpType),
		orphaned("orphaned_for", "m.", "core_repository_contents", "content_id"),
	}
}

// ArtifactFilters limit artifacts to those behind the members of a version, or to orphans.
func ArtifactFilters() []resource.Filter {
	return []resource.Filter{
		{Name: "repository_version", Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			at, err := VersionOf(f, value)
			return resource.Cond{SQL: `d.id IN (SELECT ca.artifact_id FROM core_repository_contents rc JOIN core_content_artifacts ca ON ca.content_id = rc.content_id
				WHERE rc.repository_id = ? AND rc.version_added <= ? AND (rc.version_removed IS NULL OR rc.version_removed > ?))`, Args: []any{at.Repository, at.Number, at.Number}}, err
		}},
		orphaned("orphaned_for", "d.", "core_content_artifacts", "artifact_id"),
	}
}

// memberFilter joins the membership rows, so that a page costs its length and not the version's.
func memberFilter(name string, what repository.Change, pulpType string) resource.Filter {
	return resource.Filter{Name: name, Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		at, err := VersionOf(f, value)
		if err != nil {
			return resource.Cond{}, err
		}
		previous, err := repository.Previous(f.DB.WithContext(f.Context), at.Repository, at.Number)
		if err != nil {
			return resource.Cond{}, db.Translate(err)
		}
		where, args := what.Rows("rc", at.Repository, previous, at.Number)
		return resource.Cond{
			Seen:  true, // whoever may see the version may see what is in it
			Whole: whole(what, at, pulpType, where, args),
			SQL:   "d.id IN (SELECT rc.content_id FROM core_repository_contents rc WHERE " + where + ")",
			Args:  args,
			Join:  " JOIN core_repository_contents rc ON rc.content_id = d.id", JoinSQL: where, JoinArgs: args,
		}, nil
	}}
}

// whole is the list of a version's part alone, whose length the version knows.
func whole(what repository.Change, at At, pulpType, where string, args []any) *resource.Whole {
	w := &resource.Whole{From: "core_repository_contents rc", Key: "rc.content_id", Where: where, Args: slices.Clone(args)}
	counts := map[repository.Change]map[string]int64{repository.Present: at.Counts.Present, repository.Added: at.Counts.Added, repository.Removed: at.Counts.Removed}[what]
	if what == repository.Present {
		// The sum keeps a planner from the index over versions, after which all members would have to be sorted.
		w.Where = "rc.repository_id = ? AND rc.version_added + 0 <= ? AND (rc.version_removed IS NULL OR rc.version_removed > ?)"
	}
	for name, n := range counts {
		if pulpType == "" || pulpType == name {
			w.Total += n
		}
	}
	if pulpType != "" {
		w.Where, w.Args = w.Where+" AND rc.pulp_type = ?", append(w.Args, pulpType)
	}
	return w
}

// orphaned limits rows to those that nothing refers to and nobody asked for during so many minutes; a negative number
// stands for the setting orphan_protection_time.
func orphaned(name, alias, table, column string) resource.Filter {
	return resource.Filter{Name: name, Schema: resource.Schema{"type": "number"}, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		minutes, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(minutes) {
			return resource.Cond{}, errs.Field(name, "Enter a number.")
		}
		if minutes < 0 {
			minutes = f.OrphanProtection.Minutes()
		}
		return resource.Cond{SQL: alias + "timestamp_of_interest < ? AND NOT EXISTS (SELECT 1 FROM " + table + " o WHERE o." + column + " = d.id)",
			Args: []any{resource.Ago(minutes)}}, nil
	}}
}
