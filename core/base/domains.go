package base

import (
	"context"
	"encoding/json"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// storageClass is the contract's name for a kind of storage.
type storageClass string

// domainRow is a domain. Between the reading of a body and its check, options is what the body said.
type domainRow struct {
	base           model.Base
	name           string
	description    *string
	labels         model.Labels
	class          storageClass
	options        model.JSON
	settings       []byte
	stamp          string
	redirect, hide bool
}

// Domains are the tenants: each has its own names, content, tasks and storage.
func Domains() resource.Of[domainRow] {
	base := func(d *domainRow) *model.Base { return &d.base }
	fields := resource.BaseFields("d.", domainModel, base, func(d *domainRow) string { return "domains/" + d.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // a domain belongs to none
	fields = append(fields,
		resource.Text("name", func(d *domainRow) *string { return &d.name }).Required().Filters(resource.Lookups).
			Check(func(d *domainRow) error { return domain.CheckName(d.name) }).Doc("A name for this domain, which stands in its paths."),
		resource.NullText("description", func(d *domainRow) **string { return &d.description }).Doc("An optional description."),
		resource.Labels(func(d *domainRow) *model.Labels { return &d.labels }).Column("d.pulp_labels"),
		resource.OneOf("storage_class", func(d *domainRow) *storageClass { return &d.class }, classes()...).Required().Doc("The kind of storage of this domain."),
		storageSettings(func(d *domainRow) *model.JSON { return &d.options }).Column("d.storage_options"),
		resource.Hidden("d.storage_settings", func(d *domainRow) *[]byte { return &d.settings }).Sealed(domain.Purpose),
		resource.Hidden("d.storage_stamp", func(d *domainRow) *string { return &d.stamp }),
		resource.Bool("redirect_to_object_storage", func(d *domainRow) *bool { return &d.redirect }).Default(true).
			Doc("Send clients to the object storage instead of passing the bytes through."),
		resource.Bool("hide_guarded_distributions", func(d *domainRow) *bool { return &d.hide }).Default(false).
			Doc("Leave guarded distributions out of the listing of all distributions."),
	)
	return resource.Of[domainRow]{
		Path: "domains", Model: domainModel, Component: "Domain", Doc: "A tenant, with content and a storage of its own.",
		Source: resource.Source{Table: "core_domains", NoDomain: true}, Base: base, Fields: fields,
		Filters: []resource.Filter{resource.LabelSelect("d.pulp_labels")},
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:  resource.Permissions(domainModel), Shareable: true,
		Unique: map[string]string{"core_domains(name)": "name"},
		Check:  checkDomain, DeleteBy: deleteDomainBy,
		Actions: append(resource.LabelActions("core_domains", func(d *domainRow) string { return d.base.ID }, func(d *domainRow) *model.Labels { return &d.labels }),
			migrateAction()),
	}
}

const domainModel = "core.domain"

func classes() []storageClass {
	var all []storageClass
	for _, c := range domain.Classes() {
		all = append(all, storageClass(c))
	}
	return all
}

func storageSettings[M any](pointer func(*M) *model.JSON) resource.Field[M] {
	return resource.JSONOf("storage_settings", resource.Schema{"type": "object"}, pointer, func(j model.JSON) error {
		_, err := members(j)
		return err
	}).Required().Doc("Where the storage is and how it is opened. Secrets are never shown.")
}

// members are those of a description of a storage.
func members(j model.JSON) (map[string]any, error) {
	var given map[string]any
	if err := json.Unmarshal(j, &given); err != nil || given == nil {
		return nil, errs.New(errs.Invalid, "Expected a dictionary of items.")
	}
	return given, nil
}

// row is the part of a row that describes the storage.
func (d *domainRow) row() *model.Domain {
	return &model.Domain{ID: d.base.ID, Name: d.name, StorageClass: string(d.class), StorageOptions: d.options, StorageSettings: d.settings, StorageStamp: d.stamp}
}

func defaultStays() error {
	return errs.Messages("The default domain cannot be changed, deleted or migrated; its storage is that of the settings.")
}

// checkDomain reads the description of the storage and opens the storage once before it is believed.
func checkDomain(in *resource.Input, d, old *domainRow) error {
	if old != nil && old.base.ID == ident.DefaultDomain {
		return defaultStays()
	}
	if old != nil && old.class == d.class && string(old.options) == string(d.options) {
		return nil
	}
	if old == nil && !in.Names.Domains {
		return errs.Messages("Domains are switched off here (setting domain_enabled).")
	}
	if in.Storages == nil {
		return errs.New(errs.Internal, "no storages can be opened here")
	}
	given, err := members(d.options)
	if err != nil {
		return errs.Field("storage_settings", "%s", err)
	}
	var before *domain.Place
	if old != nil {
		kept, err := domain.Kept(in.Box, old.row())
		if err == nil { // what a lost key sealed is given anew
			before = &kept
		}
	}
	place, err := domain.Read(string(d.class), given, before)
	if err != nil {
		return err
	}
	if err := mayBe(in.Context, in.DB, in.Storages, place, d, old); err != nil {
		return err
	}
	if in.Viewer != nil { // a task does not ask once more: it holds a transaction
		if err := in.Storages.Try(in.Context, place); err != nil {
			return err
		}
	}
	row := d.row()
	if err := place.Keep(in.Box, row); err != nil {
		return err
	}
	d.options, d.settings, d.stamp = row.StorageOptions, row.StorageSettings, ident.New()
	if old != nil && sameStorage(old.row(), row) {
		d.options, d.stamp = old.options, old.stamp
	}
	return nil
}

// sameStorage tells whether a description is the one that is stored, in whatever form the database keeps it.
func sameStorage(a, b *model.Domain) bool {
	x, err := domain.Outline(a)
	y, err2 := domain.Outline(b)
	return err == nil && err2 == nil && x == y && string(a.StorageSettings) == string(b.StorageSettings)
}

// mayBe refuses a place where another storage would be inside, or that leaves behind what is stored.
func mayBe(ctx context.Context, tx *gorm.DB, storages *domain.Opener, place domain.Place, d, old *domainRow) error {
	if err := storages.Admit(place); err != nil {
		return err
	}
	if err := apart(ctx, tx, storages, place, d.base.ID); err != nil || old == nil {
		return err
	}
	was, err := domain.Outline(old.row())
	if err != nil || was.ID() == place.ID() {
		return err
	}
	for _, table := range []string{"core_artifacts", "core_uploads"} {
		var n int64
		if err := tx.WithContext(ctx).Table(table).Where("domain_id = ?", d.base.ID).Limit(1).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return errs.Field("storage_settings", "Files are stored already, and they do not move by this; use the migrate endpoint of the domain.")
		}
	}
	return nil
}

// apart refuses a place inside of the storage of another domain, or around it: a clean-up there would take the bytes of
// one for leftovers of the other.
func apart(ctx context.Context, tx *gorm.DB, storages *domain.Opener, place domain.Place, id string) error {
	var rows []model.Domain
	if err := tx.WithContext(ctx).Where("id <> ? AND id <> ?", id, ident.DefaultDomain).Find(&rows).Error; err != nil {
		return err
	}
	others := []domain.Place{storages.Default}
	for i := range rows {
		other, err := domain.Outline(&rows[i])
		if err != nil {
			return err
		}
		others = append(others, other)
	}
	for _, other := range others {
		if other.Class != "" && place.Nested(other) {
			return errs.Field("storage_settings", "The place lies inside of the storage of another domain, or around it; choose one beside it.")
		}
	}
	return nil
}

func domainLocks(id string) task.Locks { return task.Exclusive(ident.PRN(domainModel, id)) }
