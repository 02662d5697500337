package repository

import (
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// finish counts what changed and stores the version; nil when nothing did.
func (w *commit) finish(base *model.RepositoryVersion) (*model.RepositoryVersion, error) {
	counts, hash, err := w.sums()
	if err != nil {
		return nil, err
	}
	if len(counts.Added) == 0 && len(counts.Removed) == 0 {
		return nil, nil
	}
	v := &model.RepositoryVersion{Base: model.NewBase(w.repo.DomainID), RepositoryID: w.repo.ID, Number: w.number, Counts: countsJSON(counts), SetHash: hash}
	v.CurrentFrom = v.PulpCreated
	if base != nil {
		v.BaseVersionID = &base.ID
	}
	if err := w.tx.Create(v).Error; err != nil {
		return nil, err
	}
	err = w.tx.Model(&model.Repository{}).Where("id = ?", w.repo.ID).
		Updates(map[string]any{"next_version": w.number + 1, "latest_version": w.number}).Error
	if err != nil {
		return nil, err
	}
	return v, w.Retain(w.tx, w.repo.ID, w.repo.RetainRepoVersions)
}

// sums takes counts and set hash of the newest version and lays the change over them.
func (w *commit) sums() (model.Counts, string, error) {
	counts, err := w.latest.ReadCounts()
	if err != nil {
		return counts, "", err
	}
	set, ok := ParseSet(w.latest.SetHash)
	if !ok {
		return counts, "", errs.New(errs.Internal, "version %d of repository %s has no readable set hash", w.latest.Number, w.repo.ID)
	}
	counts.Added, counts.Removed = map[string]int64{}, map[string]int64{}
	err = eachMember(w.tx, w.repo.ID, func(id, pulpType string) { set.Add(id); counts.Added[pulpType]++ }, "version_added = ?", w.number)
	if err != nil {
		return counts, "", err
	}
	err = eachMember(w.tx, w.repo.ID, func(id, pulpType string) { set.Remove(id); counts.Removed[pulpType]++ }, "version_removed = ?", w.number)
	sum(counts.Present, counts.Added, 1)
	sum(counts.Present, counts.Removed, -1)
	return counts, set.String(), err
}
