package noun

import (
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// RepositoryJoins bring what the hrefs of a repository need.
const RepositoryJoins = "LEFT JOIN core_remotes rm ON rm.id = m.remote_id"

// RepositoryRemote is the member remote of a repository, which may be of the models.
func RepositoryRemote[R any](row func(*R) *model.Repository, models ...string) []resource.Field[R] {
	return []resource.Field[R]{
		resource.Joined("rm.pulp_type", func(m *R) **string { return &row(m).RemoteType }),
		resource.NullReference("remote", func(m *R) **string { return &row(m).RemoteID }, func(s *resource.Show, m *R) string {
			return s.Names.Typed("remotes", text(row(m).RemoteType), text(row(m).RemoteID))
		}, targets(models)...).Column("m.remote_id").Filters(resource.ReferenceFilter(true, false, resource.Target{Family: "remotes"})).
			Doc("An optional remote to use by default when syncing."),
	}
}

func targets(models []string) []resource.Target {
	out := make([]resource.Target, len(models))
	for i, model := range models {
		out[i] = resource.Target{Model: model}
	}
	return out
}

// holdRemote keeps the remote that a row begins to refer to from being deleted meanwhile, or tells that it was.
func holdRemote(w *resource.Work, id *string) error {
	if id == nil {
		return nil
	}
	err := w.Tx.LockRow("core_remotes", *id)
	if errs.Is(err, errs.NotFound) {
		return errs.Field("remote", "Invalid hyperlink - Object does not exist.")
	}
	return err
}
