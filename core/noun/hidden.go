package noun

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// Hide makes a repository that no list shows and that keeps one version, for what a plugin uses inside.
func (k RepositoryKind[R]) Hide(w *resource.Work, domain, name string) (*model.Repository, error) {
	of := k.repositories()
	m, err := resource.NewRow(of, w, domain, map[string]any{"name": name, "retain_repo_versions": json.Number("1")})
	if err != nil {
		return nil, err
	}
	r := k.Row(m)
	r.UserHidden = true
	if err := resource.InsertRow(of, w.Env, w.Tx.DB, m); err != nil {
		return nil, err
	}
	return r, w.Env.Versions.Create(w.Tx, r)
}

var _ Hider = RepositoryKind[struct{}]{}
