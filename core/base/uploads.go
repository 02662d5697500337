package base

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// upload is an upload with its chunks, which only reading one shows.
type upload struct {
	model.Upload
	chunks []model.UploadChunk
}

// Uploads are files that come in chunks: in any order, resumable, committed to an artifact or consumed by content.
func Uploads() resource.Of[upload] {
	base := func(u *upload) *model.Base { return &u.Base }
	fields := append(resource.BaseFields("d.", "core.upload", base, func(u *upload) string { return "uploads/" + u.ID + "/" }),
		resource.Int("size", 0, func(u *upload) *int64 { return &u.Size }).Required().Filters(resource.Numbers).Doc("The size of the upload in bytes."),
		resource.Hidden("d.assembled", func(u *upload) **string { return &u.Assembled }),
	)
	return resource.Of[upload]{
		Path: "uploads", Component: "Upload", Doc: "A file that comes in chunks.",
		Source: resource.Source{Table: "core_uploads"}, Base: base, Fields: fields,
		Detail: []resource.Field[upload]{resource.Computed("chunks", chunkSchema(), func(s *resource.Show, u *upload) { showChunks(s, u.chunks) })},
		LoadOne: func(page *resource.Page, u *upload) (err error) {
			u.chunks, err = artifact.Chunks(page.DB.WithContext(page.Context), u.ID)
			return err
		},
		Offers: []resource.Verb{resource.List, resource.Create, resource.Read, resource.Delete},
		Access: resource.Permissions("core.upload"), SyncDelete: true, Shareable: true,
		RemoveBy: func(w *resource.Work, u *upload) error {
			store, err := w.Env.Artifacts.Within(w.Tx, u.DomainID)
			if err != nil {
				return err
			}
			return store.DeleteUpload(w.Tx, u.ID)
		},
		Actions: []resource.Action[upload]{chunkAction(), commitAction()},
	}
}

func chunkSchema() resource.Schema {
	number := resource.Schema{"type": "integer"}
	return resource.Schema{"type": "array", "items": resource.Schema{"type": "object", "properties": map[string]resource.Schema{"offset": number, "size": number}}}
}

func showChunks(s *resource.Show, chunks []model.UploadChunk) {
	type chunk struct {
		Offset int64 `json:"offset"`
		Size   int64 `json:"size"`
	}
	list := []chunk{}
	for _, c := range chunks {
		list = append(list, chunk{c.ChunkOffset, c.Size})
	}
	s.Value(list)
}

// chunkBody is a part of the file and, if the sender says it, its digest.
type chunkBody struct {
	chunk  *artifact.Chunk
	sha256 *string
}

// chunkAction takes one chunk: PUT with the header Content-Range and a multipart part "file".
func chunkAction() resource.Action[upload] {
	body := resource.Accepts[chunkBody]{Component: "UploadChunk", Fields: []resource.Field[chunkBody]{
		resource.FileAs("file", func(b *chunkBody) **artifact.Chunk { return &b.chunk }).Required().Doc("A chunk of the uploaded file."),
		resource.NullText("sha256", func(b *chunkBody) **string { return &b.sha256 }).Unstored().Doc("The SHA-256 checksum of the chunk."),
	}}
	return resource.Action[upload]{
		Verb: "update", Method: "PUT", OnSelf: true, Access: resource.Update, Doc: "Take one chunk.", Body: body,
		Params:  []resource.Param{{Name: "Content-Range", In: "header", Schema: resource.String(), Required: true}},
		Answers: map[int]resource.AnswerDoc{200: {Doc: "The upload.", Schema: "UploadResponse"}},
		Files: func(c *resource.Call, u *upload, r io.Reader) (any, error) {
			first, last, err := contentRange(c.Header("Content-Range"))
			if err != nil {
				return nil, err
			}
			store, err := c.Env.Artifacts.In(c.Context(), u.DomainID)
			if err != nil {
				return nil, err
			}
			chunk, err := store.ReceiveChunk(c.Context(), c.Env.DB, &u.Upload, first, last, r)
			if err == nil {
				c.Discard(chunk)
			}
			return chunk, err
		},
		Handle: func(c *resource.Call, u *upload) (*resource.Answer, error) {
			if _, _, err := contentRange(c.Header("Content-Range")); err != nil {
				return nil, err
			}
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			if b.sha256 != nil && *b.sha256 != b.chunk.SHA256 {
				return nil, errs.Messages("Checksum does not match chunk upload.")
			}
			if err := b.chunk.Save(c.Context()); err != nil {
				return nil, err
			}
			return resource.ShowBrief(c, u)
		},
	}
}

var rangePattern = regexp.MustCompile(`^bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)$`)

// contentRange reads "bytes <first>-<last>/<total or *>" (RFC 9110 §14.4), both inclusive.
func contentRange(header string) (first, last int64, err error) {
	parts := rangePattern.FindStringSubmatch(header)
	if parts == nil {
		return 0, 0, errs.Messages("Invalid or missing content range header: write Content-Range: bytes <first>-<last>/<total>.")
	}
	first, _ = strconv.ParseInt(parts[1], 10, 64) // at most 18 digits
	last, _ = strconv.ParseInt(parts[2], 10, 64)
	return first, last, nil
}

type commitBody struct{ sha256 string }

// commitAction makes an artifact of an upload by task.
func commitAction() resource.Action[upload] {
	body := resource.Accepts[commitBody]{Component: "UploadCommit", Fields: []resource.Field[commitBody]{
		resource.Text("sha256", func(b *commitBody) *string { return &b.sha256 }).Required().Doc("The expected SHA-256 checksum of the file.").
			Check(func(b *commitBody) error { return wellFormed(artifact.SHA256, &b.sha256) }),
	}}
	return resource.Action[upload]{
		Verb: "commit", Access: resource.Update, Doc: "Make an artifact of the upload.", Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call, u *upload) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(commitUpload{Upload: u.ID, SHA256: b.sha256}, nil)
		},
	}
}

// commitUpload is the task that makes an artifact of an upload.
type commitUpload struct {
	Upload string `json:"upload"`
	SHA256 string `json:"sha256"`
}

// Kind is the task's name.
func (commitUpload) Kind() string { return "pulpcore.app.tasks.upload.commit" }

// Locks hold the upload.
func (a commitUpload) Locks() task.Locks {
	return task.Exclusive(resource.PRN("core.upload", a.Upload))
}

func handlers(env *resource.Env) []task.Handler {
	return append(slices.Concat(taskHandlers(env), repairHandlers(env), orphanHandlers(env), reclaimHandlers(env), domainHandlers(env), upkeepHandlers(env)), task.Handle(func(ctx context.Context, run *task.Run, a commitUpload) (any, error) {
		store, err := env.Artifacts.In(ctx, run.Domain)
		if err != nil {
			return nil, err
		}
		file, err := store.Assemble(ctx, env.DB, a.Upload)
		if errs.Is(err, errs.NotFound) {
			run.Log().Info("the upload was deleted before it was committed; nothing to do", "upload", a.Upload)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if err := file.Check(-1, artifact.Digests{artifact.SHA256: a.SHA256}); err != nil {
			return nil, err
		}
		return nil, run.InTx(ctx, func(tx *db.Tx) error {
			if err := artifact.HoldUpload(tx, a.Upload); errs.Is(err, errs.NotFound) {
				return nil // consumed by another one, which leaves nothing to do either
			} else if err != nil {
				return err
			}
			saved, created, err := file.Save(ctx, tx, run.Domain)
			if err != nil {
				return err
			}
			if !created {
				return alreadyThere(saved)
			}
			if err := store.DeleteUpload(tx, a.Upload); err != nil {
				return err
			}
			return run.Created(tx, "core.artifact", saved.ID, "artifacts/"+saved.ID+"/")
		})
	}))
}
