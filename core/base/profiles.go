package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/guard"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// viewProfiles is the permission to have what was recorded of a task.
const viewProfiles = "core.view_task_profile_artifacts"

// KeepProfiles keeps what was recorded of tasks as artifacts of their domains.
func KeepProfiles(d *db.DB, store *artifact.Store) task.Keep {
	return func(ctx context.Context, row *task.Row, name string, content io.Reader) error {
		mine, err := store.In(ctx, row.DomainID)
		if err != nil {
			return err
		}
		file, err := mine.Receive(ctx, content)
		if err != nil {
			return err
		}
		err = d.InTx(ctx, func(tx *db.Tx) error {
			kept, _, err := file.Save(ctx, tx, row.DomainID)
			if err != nil {
				return err
			}
			return tx.Exec("INSERT INTO core_task_profiles (task_id, name, artifact_id) VALUES (?, ?, ?) ON CONFLICT (task_id, name) DO UPDATE SET artifact_id = excluded.artifact_id",
				row.ID, name, kept.ID).Error
		})
		if err != nil {
			return errors.Join(err, file.Cancel())
		}
		return nil
	}
}

// forgetProfiles lets go of what was recorded of the tasks of a domain, which would keep artifacts from being removed.
func forgetProfiles(tx *db.Tx, domain string) error {
	err := tx.Exec("DELETE FROM core_task_profiles WHERE task_id IN (SELECT id FROM core_tasks WHERE domain_id = ?)", domain).Error
	if err != nil {
		return fmt.Errorf("let go of what was recorded of the tasks of the domain: %w", err)
	}
	return nil
}

// profilesAction gives signed addresses of what was recorded of a task, good for an hour.
func profilesAction() resource.Action[taskRow] {
	return resource.Action[taskRow]{
		Verb: "profile_artifacts", Method: "GET", Doc: "Addresses of what was recorded of the task, by name; they work for an hour.",
		Answers: map[int]resource.AnswerDoc{200: {Doc: "Addresses by name.", Schema: "ProfileArtifactResponse"}},
		Components: map[string]resource.Schema{"ProfileArtifactResponse": {"type": "object", "required": []string{"urls"},
			"properties": map[string]resource.Schema{"urls": {"type": "object", "additionalProperties": resource.URI()}}}},
		Handle: func(c *resource.Call, t *taskRow) (*resource.Answer, error) {
			var names []string
			if err := c.Env.DB.Read(c.Context()).Table("core_task_profiles").Where("task_id = ?", t.base.ID).Order("name").Pluck("name", &names).Error; err != nil {
				return nil, err
			}
			urls := map[string]string{}
			for _, name := range names {
				signed, err := guard.Sign(c.Env.SigningKey, c.Env.Names.Href(profilePath(t.base.ID, name)), "", model.Now())
				if err != nil {
					return nil, err
				}
				urls[name] = c.BaseURL() + signed
			}
			body, err := resource.Marshal(map[string]any{"urls": urls})
			return &resource.Answer{Status: http.StatusOK, JSON: body}, err
		},
	}
}

func profilePath(id, name string) string { return taskPath(id) + "profile_artifacts/" + name + "/" }

// Profile gives one thing that was recorded of a task to whoever has a signed address of it.
func Profile() resource.Standalone {
	return resource.Standalone{
		Method: http.MethodGet, Route: "tasks/{id}/profile_artifacts/{name}/", Tag: "Tasks", Rule: auth.Anyone,
		Doc: "What was recorded of a task, at a signed address.", Answers: map[int]resource.AnswerDoc{200: {Doc: "The recording."}},
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			if err := guard.CheckSigned(c.Env.SigningKey, c.Path(), c.RawQuery(), model.Now()); err != nil {
				return nil, err
			}
			kept, err := findProfile(c, c.Param("id"), c.Param("name"))
			if err != nil {
				return nil, err
			}
			send, err := sender(c, kept)
			if err != nil {
				return nil, err
			}
			return &resource.Answer{Status: http.StatusOK, Type: profileType(c.Param("name")), Stream: send, Headers: map[string]string{
				"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Content-Disposition": `attachment; filename="` + c.Param("name") + `"`,
			}}, nil
		},
	}
}

// profileType is the media type of a recording.
func profileType(name string) string {
	if name == task.MemoryProfile || name == task.TaskLogs {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// findProfile looks a recording up. The signature says that the address was made here, so what it names is well formed.
func findProfile(c *resource.Call, id, name string) (*model.Artifact, error) {
	var found []model.Artifact
	err := c.Env.DB.Read(c.Context()).Raw(`SELECT a.* FROM core_task_profiles p JOIN core_artifacts a ON a.id = p.artifact_id JOIN core_tasks t ON t.id = p.task_id
		WHERE p.task_id = ? AND p.name = ? AND t.domain_id = ?`, id, name, c.Domain).Scan(&found).Error
	if err == nil && len(found) == 0 {
		err = errs.New(errs.NotFound, "Not found.")
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// sender opens an artifact and gives what sends it, which must be called.
func sender(c *resource.Call, a *model.Artifact) (func(ctx context.Context, to resource.Flow) error, error) {
	store, err := c.Env.Artifacts.In(c.Context(), a.DomainID)
	if err != nil {
		return nil, err
	}
	// detached: it is read after the call has ended, for as long as the answer takes
	reading, stop := context.WithCancel(context.WithoutCancel(c.Context()))
	file, err := store.Storage.Open(reading, a.File, 0, -1)
	if err != nil {
		stop()
		return nil, fmt.Errorf("open what was recorded: %w", err)
	}
	return func(ctx context.Context, to resource.Flow) error {
		defer stop()
		defer func() { _ = file.Close() }() // opened for reading
		defer context.AfterFunc(ctx, stop)()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return sendArtifact(to, file, a)
	}, nil
}

// sendArtifact sends a file, which must have the bytes that are known of it.
func sendArtifact(to resource.Flow, file io.Reader, a *model.Artifact) error {
	n, err := io.Copy(to, file)
	if err == nil && n != a.Size {
		err = errs.New(errs.Internal, "the artifact %s has %d bytes in the storage where %d were expected; run a repair", a.SHA256, n, a.Size)
	}
	if err != nil {
		return fmt.Errorf("send what was recorded: %w", err)
	}
	return to.Flush()
}
