package noun

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// Refresh is what the task gets that looks what an alternate content source has below one path.
type Refresh struct {
	// Repository is the hidden repository that keeps what is found.
	Repository, RepositoryPRN string
	Remote, RemotePRN         string
	ACS, ACSPRN               string
	// URL is that of the remote, Path what the source appends to it, may be empty.
	URL, Path string
}

// Locks are those of every refresh: it writes the repository, and neither remote nor source may change meanwhile.
func (r Refresh) Locks() task.Locks {
	return task.Exclusive(r.RepositoryPRN).AndShared(r.RemotePRN, r.ACSPRN)
}

// refreshAction dispatches one task for each path, in a group.
func (k ACSKind[A]) refreshAction() resource.Action[A] {
	return resource.Action[A]{
		Verb: "refresh", Doc: "Look what the source has: one task for each of its paths.",
		Answers: map[int]resource.AnswerDoc{202: {Doc: "Tasks were dispatched, in a group.", Schema: "TaskGroupOperationResponse"}},
		Components: map[string]resource.Schema{"TaskGroupOperationResponse": {"type": "object", "description": "The group of tasks that were dispatched.",
			"properties": map[string]resource.Schema{"task_group": resource.URI()}, "required": []string{"task_group"}}},
		Handle: func(c *resource.Call, m *A) (*resource.Answer, error) {
			var group *task.GroupRow
			err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) (err error) {
				group, err = k.refresh(c.Work(tx), k.Row(m))
				return err
			})
			if err != nil {
				return nil, err
			}
			return c.AcceptedGroup(group.ID), nil
		},
	}
}

// refresh locks the source first: of two at once the second finds the repositories that the first made.
func (k ACSKind[A]) refresh(w *resource.Work, a *ACS) (*task.GroupRow, error) {
	if err := w.Tx.LockRow("core_alternate_content_sources", a.ID); err != nil {
		return nil, err
	}
	var paths []model.AlternatePath
	if err := w.Tx.Where("acs_id = ?", a.ID).Order("id").Find(&paths).Error; err != nil {
		return nil, err
	}
	group, err := task.NewGroup(w.Tx, a.DomainID, fmt.Sprintf("Refreshing %d alternate content source paths.", len(paths)), 0)
	if err != nil {
		return nil, err
	}
	total := int64(len(paths))
	if err := task.ReportGroup(w.Tx, group.ID, refreshedCode, refreshedMessage, &total); err != nil {
		return nil, err
	}
	for _, path := range paths {
		args, err := k.refreshOf(w, a, path)
		if err != nil {
			return nil, err
		}
		if _, err := w.Dispatch(args, task.Group(group.ID)); err != nil {
			return nil, err
		}
	}
	return group, task.CloseGroup(w.Tx, group.ID)
}

func (k ACSKind[A]) refreshOf(w *resource.Work, a *ACS, path model.AlternatePath) (task.Args, error) {
	if path.RepositoryID == nil {
		made, err := k.Repositories.Hide(w, a.DomainID, a.Name+"--"+path.ID+"--repository")
		if err != nil {
			return nil, err
		}
		path.RepositoryID = &made.ID
		if err := w.Tx.Model(&model.AlternatePath{}).Where("id = ?", path.ID).Update("repository_id", made.ID).Error; err != nil {
			return nil, err
		}
	}
	kind, _ := w.Env.Registry.ByType("remotes", text(a.RemoteType))
	return k.Refresh(Refresh{
		Repository: *path.RepositoryID, RepositoryPRN: resource.PRN(k.Repositories.Model(), *path.RepositoryID),
		Remote: a.RemoteID, RemotePRN: resource.PRN(kind.Model, a.RemoteID), ACS: a.ID, ACSPRN: resource.PRN(k.Model(), a.ID),
		URL: text(a.RemoteURL), Path: path.Path,
	}), nil
}

// How the group of a refresh counts the paths that were looked at.
const (
	refreshedCode    = "acs.refreshed.paths"
	refreshedMessage = "Paths Refreshed"
)

// PathRefreshed counts one more path in the report of the group; for the task that Refresh makes, outside transactions.
func PathRefreshed(ctx context.Context, run *task.Run) error {
	report, err := run.GroupProgress(ctx, refreshedCode, refreshedMessage, nil)
	if err != nil {
		return err
	}
	report.Add(1)
	return nil
}

// Refreshed notes that a path of a source was looked at; for the end of the task that Refresh makes.
func Refreshed(tx *db.Tx, acs string) error {
	return tx.Model(&model.AlternateContentSource{}).Where("id = ?", acs).Update("last_refreshed", model.Now()).Error
}
