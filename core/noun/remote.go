package noun

import (
	"context"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
)

// RemoteKind declares a type of remotes whose rows are R.
type RemoteKind[R any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*R) *model.Remote
	// Policies are those that a remote may have, the default first. A single one is no member of the wire form, and is
	// ignored where a request names it.
	Policies []model.Policy
	// Fields are the type's own members.
	Fields []resource.Field[R]
	// CheckURL looks at a new url; nil is remote.CheckURL.
	CheckURL func(url string, importPaths []string) error
}

// Register makes remotes known to references.
func (k RemoteKind[R]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of remotes.
func (k RemoteKind[R]) Mount(env *resource.Env) []resource.Operation { return k.resource().Mount(env) }

func (k RemoteKind[R]) resource() *resource.Of[R] {
	row := func(m *R) *model.Base { return &k.Row(m).Base }
	fields := append(base(k.Kind, row), typed(func(m *R) *string { k.Row(m).PulpType = k.Type; return &k.Row(m).PulpType }))
	return &resource.Of[R]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source:  resource.Source{Table: k.Table, Master: "core_remotes", Where: "m.pulp_type = '" + k.Type + "'"},
		Base:    row,
		Fields:  append(append(fields, RemoteFields(k.Row, k.Policies, k.checkURL)...), k.Fields...),
		Filters: RemoteFilters(),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:  resource.Permissions(k.Model()), Shareable: true,
		Unique:    map[string]string{"core_remotes(domain_id, name)": "name"},
		Check:     k.check,
		Removable: func(ctx context.Context, tx *gorm.DB, m *R) error { return spare(ctx, tx, k.Row(m)) },
		Saved:     k.saved,
		Deleted:   func(w *resource.Work, m *R) error { return detach(w, k.Row(m).ID) },
		Actions:   labels("core_remotes", row, func(m *R) *model.Labels { return &k.Row(m).PulpLabels }),
	}
}

// RemoteFilters are those of every list of remotes, beside the ones over names.
func RemoteFilters() []resource.Filter {
	return append(resource.Moments("pulp_last_updated", "m.pulp_last_updated"), resource.LabelSelect("m.pulp_labels"))
}

func (k RemoteKind[R]) checkURL(in *resource.Input, m *R) error {
	check := k.CheckURL
	if check == nil {
		check = remote.CheckURL
	}
	return check(k.Row(m).URL, in.ImportPaths)
}

// check looks at a whole remote, and at what it was before.
func (k RemoteKind[R]) check(in *resource.Input, m, old *R) error {
	if err := checkProxy(k.Row(m)); err != nil || old == nil {
		return err
	}
	return guardSecrets(in, k.Row(m), k.Row(old))
}

// saved forgets what was pulled through when a remote leads elsewhere from now on, also what waits to be added.
func (k RemoteKind[R]) saved(w *resource.Work, m, old *R) error {
	if old == nil || k.Row(old).URL == k.Row(m).URL {
		return nil
	}
	return forgetPulled(w.Tx.DB, "remote_id", k.Row(m).ID)
}

// checkProxy looks at what belongs together, with what was stored before.
func checkProxy(r *model.Remote) error {
	user, password := len(r.ProxyUsername) > 0, len(r.ProxyPassword) > 0
	switch {
	case (user || password) && r.ProxyURL == nil:
		return errs.Together("proxy credentials cannot be specified without 'proxy_url'.")
	case user != password:
		return errs.Together("'proxy_username' and 'proxy_password' must be given together, or neither of them.")
	}
	return nil
}

// spare refuses to delete a remote that an alternate content source needs.
func spare(ctx context.Context, tx *gorm.DB, r *model.Remote) error {
	var names []string
	err := tx.WithContext(ctx).Table("core_alternate_content_sources").Where("remote_id = ?", r.ID).Order("name").Limit(1).Pluck("name", &names).Error
	if err == nil && len(names) > 0 {
		err = errs.New(errs.Conflict, "The alternate content source %q uses this remote; give it another one or delete it first.", names[0])
	}
	return err
}

// detach lets what refers to a remote do without it. Where files could be fetched from it goes by itself.
func detach(w *resource.Work, id string) error {
	for _, table := range []string{"core_repositories", "core_distributions"} {
		if err := w.Tx.Exec("UPDATE "+table+" SET remote_id = NULL WHERE remote_id = ?", id).Error; err != nil {
			return err
		}
	}
	return forgetPulled(w.Tx.DB, "remote_id", id)
}
