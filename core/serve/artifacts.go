package serve

import (
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// artifact finds an artifact of the distribution's domain by its identity, which is all of the path. One without a guard
// serves none: artifacts belong to content of all repositories. It is not remembered, since artifacts come and go by
// themselves.
func (l *lookUp) artifact(tx *gorm.DB, d *model.Distribution) error {
	if d.ContentGuardID == nil {
		return errs.New(errs.Forbidden, "this distribution is closed: it has no content guard; ask its owner for access")
	}
	l.fleeting = true
	l.result = Result{Distribution: d}
	id, ok := ident.Parse(l.rel)
	if !ok || id != l.rel {
		return notFound()
	}
	var found []model.Artifact
	if err := tx.Where("id = ? AND domain_id = ?", id, d.DomainID).Limit(1).Find(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		return notFound()
	}
	l.result.Found = &Found{Artifact: &found[0], Path: id, AddedAt: found[0].PulpCreated}
	return nil
}
