// Package repository makes, deletes and reads repository versions.
//
// A version is a set of content. Membership is kept as intervals: a row says that content is in the versions from
// version_added up to, but not including, version_removed. A version is made by committing a Delta in one short
// transaction that locks the repository row, lays the delta over the newest version and assigns the number; so a push
// inside a request and a task that prepared for an hour can both make versions. The cost of a commit, of a roll-back
// and of deleting a version is that of the change, never that of the repository.
package repository

import (
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// ContentType is what commits need to know of a type of content.
type ContentType struct {
	// PulpType is the stored type, such as "file.file".
	PulpType string
	// Table is the type's detail table, whose id is the content's.
	Table string
	// Key is the column of Table that must be unique inside one version; empty when there is none.
	Key string
	// Paths says that keys are relative paths, which may not run through each other ("a" and "a/b").
	Paths bool
}

// Committer commits deltas. It knows the content types of all enabled plugins.
type Committer struct {
	types map[string]ContentType
	// folders bounds the folders of new paths that are kept in memory at a time.
	folders int
}

// NewCommitter makes a Committer for content types.
func NewCommitter(types ...ContentType) *Committer {
	c := &Committer{types: map[string]ContentType{}, folders: 100_000}
	for _, t := range types {
		c.types[t.PulpType] = t
	}
	return c
}

// Create stores the version 0 of a new repository: empty and complete.
func (c *Committer) Create(tx *db.Tx, r *model.Repository) error {
	v := &model.RepositoryVersion{Base: model.NewBase(r.DomainID), RepositoryID: r.ID, Counts: countsJSON(model.Counts{}), SetHash: emptySet().String()}
	v.CurrentFrom = v.PulpCreated
	if err := tx.Create(v).Error; err != nil {
		return err
	}
	return tx.Model(&model.Repository{}).Where("id = ?", r.ID).Updates(map[string]any{"next_version": 1, "latest_version": 0}).Error
}

// Latest gives the newest version of a repository.
func Latest(tx *db.Tx, repositoryID string) (*model.RepositoryVersion, error) {
	var v model.RepositoryVersion
	err := tx.Where("repository_id = ?", repositoryID).Order("number DESC").Limit(1).Find(&v).Error
	if err == nil && v.ID == "" {
		err = errs.New(errs.NotFound, "the repository has no version")
	}
	return &v, err
}

// Find gives a version by its identity.
func Find(tx *db.Tx, id string) (*model.RepositoryVersion, error) {
	var v model.RepositoryVersion
	err := tx.Where("id = ?", id).Limit(1).Find(&v).Error
	if err == nil && v.ID == "" {
		err = errs.New(errs.NotFound, "the repository version does not exist any more")
	}
	return &v, err
}

// Path is a version's path below the API root, given that of its repository's type.
func Path(kindPath, repositoryID string, number int64) string {
	return kindPath + "/" + repositoryID + "/versions/" + decimal(number) + "/"
}
