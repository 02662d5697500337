package pipeline

import (
	"context"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// prepare finds out what the stages need to know before the first unit. A kind whose keys are no columns of it panics.
func prepare(ctx context.Context, o Options) (*pipeline, error) {
	p := &pipeline{Options: o, placeAt: -1}
	read := o.Run.DB().Read(ctx)
	var err error
	if p.detail, err = db.ColumnsOf(ctx, o.Run.DB(), o.Kind.Table, append([]string{"id", "domain_id"}, o.Kind.Columns...)); err != nil {
		return nil, err
	}
	for _, name := range o.Kind.NaturalKey {
		at := slices.Index(o.Kind.Columns, name)
		if at < 0 {
			panic("pipeline: the natural key " + name + " is no column of " + o.Kind.Table)
		}
		p.key, p.keyAt = append(p.key, p.detail[at+2]), append(p.keyAt, at)
	}
	if o.Kind.Key != "" {
		if p.placeAt = slices.Index(o.Kind.Columns, o.Kind.Key); p.placeAt < 0 {
			panic("pipeline: the repository key " + o.Kind.Key + " is no column of " + o.Kind.Table)
		}
	}
	if o.Remote != nil {
		if p.client, err = o.Remotes.Client(o.Remote); err != nil {
			return nil, err
		}
	}
	var found []int
	alternate := read.Model(&model.RemoteArtifact{}).Select("1").Where("alternate").Where("remote_id IN (SELECT id FROM core_remotes WHERE domain_id = ?)", o.Run.Domain)
	if err := alternate.Limit(1).Scan(&found).Error; err != nil {
		return nil, err
	}
	p.alternates = len(found) > 0 && !o.Alternate
	found = nil
	if err := read.Model(&model.Membership{}).Select("1").Where("repository_id = ?", o.RepositoryID).Limit(1).Scan(&found).Error; err != nil {
		return nil, err
	}
	p.empty = len(found) == 0
	return p, nil
}

// wanted tells whether files are fetched during the run.
func (p *pipeline) wanted() bool { return p.Remote == nil || p.Remote.Policy == model.Immediate }
