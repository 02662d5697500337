package base

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// artifactType is the type of the one distribution that serves artifacts by their identity.
const artifactType = "core.artifact"

// Identities of the artifact distribution and of its guard, the same in every installation.
const (
	artifactDistribution = "00000000-0000-7000-8000-000000000002"
	artifactGuard        = "00000000-0000-7000-8000-000000000003"
)

// artifactDistributions are the list of the one artifact distribution (rest-contract §2.11), which nobody makes or changes.
type artifactDistributions struct {
	resource.Of[noun.Distribution]
}

// ArtifactDistributions serve the artifacts of the default domain to who has a signed address of one.
func ArtifactDistributions() resource.Mountable {
	self := func(d *noun.Distribution) *noun.Distribution { return d }
	base := func(d *noun.Distribution) *model.Base { return &d.Base }
	const path, label = "distributions/core/artifacts", "core.artifactdistribution"
	fields := resource.BaseFields("m.", label, base, func(d *noun.Distribution) string { return path + "/" + d.ID + "/" })
	fields = append(fields, noun.DistributionFields(self, false)...)
	fields = slices.DeleteFunc(fields, func(f resource.Field[noun.Distribution]) bool { return f.Name == "repository" })
	bound := resource.ReferenceFilter(true, true, resource.Target{Family: "repositories"}) // clients may ask for it, and find nothing
	return artifactDistributions{resource.Of[noun.Distribution]{
		Path: path, Type: artifactType, Component: "ArtifactDistribution", Doc: "The place where artifacts are served by their identity, to who has a signed address.",
		Source: resource.Source{Table: "core_distributions", Master: "core_distributions", Joins: noun.DistributionJoins, Where: "m.pulp_type = '" + artifactType + "'"},
		Base:   base, Fields: fields, Filters: append(noun.DistributionFilters(), bound("repository", "m.repository_id")...),
		Offers: []resource.Verb{resource.List, resource.Read}, Access: resource.Permissions(label),
	}}
}

// Serves is how the content server treats it.
func (artifactDistributions) Serves() serve.Kind {
	return serve.Kind{PulpType: artifactType, Artifacts: true}
}

// MakeArtifactDistribution makes the artifact distribution and its guard, where they are not there. It is hidden, so it is in no
// listing of the content server.
func MakeArtifactDistribution(ctx context.Context, d *db.DB) error {
	var there []string
	err := d.Read(ctx).Table("core_distributions").Where("id = ? AND content_guard_id IN (SELECT id FROM core_redirect_guards)", artifactDistribution).Pluck("id", &there).Error
	if err != nil {
		return fmt.Errorf("look for the artifact distribution: %w", err)
	}
	if len(there) > 0 {
		return nil
	}
	now := model.Now()
	base := func(id string) model.Base {
		return model.Base{ID: id, DomainID: ident.DefaultDomain, PulpCreated: now, PulpLastUpdated: now}
	}
	guard := artifactGuard
	err = d.InTx(ctx, func(tx *db.Tx) error {
		once := tx.Clauses(clause.OnConflict{DoNothing: true})
		if err := once.Create(&model.ContentGuard{Base: base(guard), PulpType: "core.content_redirect", Name: "artifacts-" + guard}).Error; err != nil {
			return err
		}
		if err := tx.Exec("INSERT INTO core_redirect_guards (id, domain_id) VALUES (?, ?) ON CONFLICT DO NOTHING", guard, ident.DefaultDomain).Error; err != nil {
			return err
		}
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&model.Distribution{Base: base(artifactDistribution), PulpType: artifactType, Name: "artifacts-" + artifactDistribution,
			BasePath: artifactDistribution, ContentGuardID: &guard, Hidden: true, PulpLabels: model.Labels{}}).Error
	})
	if err != nil {
		return fmt.Errorf("make the artifact distribution: %w", err)
	}
	return nil
}
