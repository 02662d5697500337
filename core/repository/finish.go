package repository

import (
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// finish counts what changed and stores the version; nil when nothing did.
func (w *commit) finish(base *model.RepositoryVersion) (*model.RepositoryVersion, error) {
	counts, err := w.counts()
	if err != nil {
		return nil, err
	}
	if len(counts.Added) == 0 && len(counts.Removed) == 0 {
		return nil, nil
	}
	hash, err := w.setHash()
	if err != nil {
		return nil, err
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

// counts takes the present from the newest version and lays the change over it.
func (w *commit) counts() (model.Counts, error) {
	counts, err := w.latest.ReadCounts()
	if err != nil {
		return counts, err
	}
	if counts.Added, err = countTypes(w.tx, w.repo.ID, "version_added = ?", w.number); err != nil {
		return counts, err
	}
	if counts.Removed, err = countTypes(w.tx, w.repo.ID, "version_removed = ?", w.number); err != nil {
		return counts, err
	}
	sum(counts.Present, counts.Added, 1)
	sum(counts.Present, counts.Removed, -1)
	return counts, nil
}

func (w *commit) setHash() (string, error) {
	set, ok := ParseSet(w.latest.SetHash)
	if !ok {
		return "", errs.New(errs.Internal, "version %d of repository %s has no readable set hash", w.latest.Number, w.repo.ID)
	}
	if err := eachMember(w.tx, w.repo.ID, set.Add, "version_added = ?", w.number); err != nil {
		return "", err
	}
	if err := eachMember(w.tx, w.repo.ID, set.Remove, "version_removed = ?", w.number); err != nil {
		return "", err
	}
	return set.String(), nil
}
