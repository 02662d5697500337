package noun

import (
	"maps"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// mayHold refuses units of types that the repository does not take, whether they are named or come with a base.
func (k RepositoryKind[R]) mayHold(c *resource.Call, b *modifyBody) error {
	for _, unit := range b.add {
		if !c.Env.Registry.Holds(k.Path, unit.Kind.Type) {
			return k.wrongType("add_content_units", unit.Kind.Type)
		}
	}
	if b.base == nil {
		return nil
	}
	var v model.RepositoryVersion
	if err := c.Env.DB.Read(c.Context()).Select("counts").Where("id = ?", *b.base).Take(&v).Error; err != nil {
		return db.Translate(err)
	}
	counts, err := v.ReadCounts()
	if err != nil {
		return err
	}
	for _, pulpType := range slices.Sorted(maps.Keys(counts.Present)) {
		if counts.Present[pulpType] > 0 && !c.Env.Registry.Holds(k.Path, pulpType) {
			return k.wrongType("base_version", pulpType)
		}
	}
	return nil
}

func (k RepositoryKind[R]) wrongType(field, pulpType string) error {
	return errs.Field(field, "Repositories of the type %s hold no content of the type %s; leave it out.", k.Type, pulpType)
}

// mayJoin refuses to make a unit for a repository that does not take its type.
func (k ContentKind[C]) mayJoin(in *resource.Input, into *resource.Object) error {
	if into == nil || in.Registry.Holds(into.Kind.Path, k.Type) {
		return nil
	}
	return errs.Field("repository", "Repositories of the type %s hold no content of the type %s; choose another one.", into.Kind.Type, k.Type)
}
