package noun

import (
	"cmp"
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// Content is the noun's part of a row of content with one artifact, and what a create says beside it.
type Content struct {
	model.Content
	// Artifact is the artifact behind it; its ID is nil while it is not downloaded.
	Artifact Artifact
	// File, ArtifactID, UploadID and FileURL are where a create takes the bytes from: exactly one.
	File                          *resource.Incoming
	ArtifactID, UploadID, FileURL *string
	// Downloader says how FileURL is fetched.
	Downloader *model.Remote
	// Into, when set, is the repository that gets the unit in a new version.
	Into      *resource.Object
	Overwrite bool
}

// Artifact is the artifact of a unit, as a join brings it.
type Artifact struct {
	ID, MD5, SHA1, SHA224, SHA256, SHA384, SHA512 *string
	Size                                          *int64
}

// ContentKind declares a type of content whose rows are C and that has one artifact.
type ContentKind[C any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*C) *Content
	// Fields are the type's own members; they are immutable.
	Fields []resource.Field[C]
	// Filters are those beyond what fields declare.
	Filters []resource.Filter
	// NaturalKey are the columns of Table that, within a domain, name the unit.
	NaturalKey []string
	// RepositoryKey is the column of Table that must be unique inside one version.
	RepositoryKey string
	// Paths says that repository keys are paths of files, which may not run through each other.
	Paths bool
	// Repositories are the model labels of the repositories that units are made for.
	Repositories []string
	// Uploads is the end of the permission to make units at once, "upload_" and this; the last part of Path when empty.
	Uploads string
	// Artifact completes the row from the artifact, such as a digest that is part of the natural key, and gives the
	// relative path at which the artifact is offered.
	Artifact func(c *C, a *model.Artifact) (relativePath string, err error)
}

// Register makes content known to references.
func (k ContentKind[C]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of content.
func (k ContentKind[C]) Mount(env *resource.Env) []resource.Operation { return k.resource().Mount(env) }

// ContentType is what commits need to know of the type.
func (k ContentKind[C]) ContentType() repository.ContentType {
	return repository.ContentType{PulpType: k.Type, Table: k.Table, Key: k.RepositoryKey, Paths: k.Paths}
}

func (k ContentKind[C]) resource() *resource.Of[C] {
	row := func(m *C) *model.Base { return &k.Row(m).Base }
	access := k.access()
	of := &resource.Of[C]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source: resource.Source{Table: k.Table, Master: "core_contents",
			Joins: "LEFT JOIN core_content_artifacts ca ON ca.content_id = d.id LEFT JOIN core_artifacts a ON a.id = ca.artifact_id"},
		Base:    row,
		Fields:  append(append(base(k.Kind, row), contentFields(k)...), k.Fields...),
		Filters: append(append(MembershipFilters(k.Type), resource.LabelSelect("m.pulp_labels")), k.Filters...),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read},
		Access:  access, AsyncCreate: true, ReadBySight: true, Sees: ContentSeen, Needs: k.needs(),
		Roles: k.roles(),
		Check: func(in *resource.Input, m, _ *C) error { return k.check(in, k.Row(m)) },
		Keep:  k.keep, Prepare: k.prepare, Quick: func(m *C) bool { return k.Row(m).quick() },
		Locks: func(_ resource.Verb, m *C) task.Locks { return k.locks(m) },
		Refers: func(m *C) []task.Reference {
			if id := k.Row(m).ArtifactID; id != nil {
				return task.References("core_artifacts", *id)
			}
			return nil
		},
	}
	of.Insert = func(w *resource.Work, m *C) error { return k.insert(of, w, m) }
	of.Actions = []resource.Action[C]{k.uploadAction(of), k.downloadsAction()}
	for _, action := range labels("core_contents", row, func(m *C) *model.Labels { return &k.Row(m).PulpLabels }) {
		action.Access = labelVerb
		of.Actions = append(of.Actions, action)
	}
	return of
}

// access has the permissions of the contract's roles: uploading at once and labels have names of their own.
func (k ContentKind[C]) access() resource.Access {
	app, _, _ := strings.Cut(k.Model(), ".")
	access := resource.Permissions(k.Model())
	access[resource.Create] = auth.Authenticated // what counts is the repository that gets the unit
	if len(k.Repositories) == 0 {                // then nothing can be asked about it
		access[resource.Create] = auth.Superusers
	}
	access["upload"] = auth.Permission(app + ".upload_" + cmp.Or(k.Uploads, k.Path[strings.LastIndexByte(k.Path, '/')+1:]))
	access[labelVerb] = auth.Permission("core.manage_content_labels")
	return access
}

// needs are the conditions of creating a unit: the repository that gets it may be changed, and the upload used. Only
// superusers make units for no repository.
func (k ContentKind[C]) needs() map[resource.Verb][]string {
	conditions := []string{"has_upload_param_model_or_domain_or_obj_perms:core.change_upload"}
	for _, label := range k.Repositories {
		conditions = append(conditions, "has_required_repo_perms_on_upload:"+resource.Permission("modify", label), "has_required_repo_perms_on_upload:"+resource.Permission("view", label))
	}
	return map[resource.Verb][]string{resource.Create: conditions}
}

// roles are those for making units at once and for the labels of content of every kind.
func (k ContentKind[C]) roles() []auth.RoleSpec {
	app, _, _ := strings.Cut(k.Model(), ".")
	permission, _ := k.access()["upload"].Permission()
	return []auth.RoleSpec{{Name: app + "." + app + "_uploader", Description: "May upload units at once: " + k.Doc, Permissions: []string{permission}},
		{Name: "core.content_labeler", Description: "May set and remove labels of content.", Permissions: []string{"core.manage_content_labels"}}}
}

// ContentSeen limits content to what repositories hold that may be seen.
func ContentSeen(v *resource.Viewer, key string) (resource.Cond, error) {
	return v.Through(func(repositories string) string {
		return key + " IN (SELECT sc.content_id FROM core_repository_contents sc WHERE sc.repository_id IN (" + repositories + "))"
	})
}

// labelVerb is the verb whose rule is for the labels of content.
const labelVerb resource.Verb = "manage_labels"

func contentFields[C any](k ContentKind[C]) []resource.Field[C] {
	row := k.Row
	fields := []resource.Field[C]{
		resource.Hidden("m.pulp_type", func(m *C) *string { row(m).PulpType = k.Type; return &row(m).PulpType }),
		resource.Hidden("m.timestamp_of_interest", func(m *C) *time.Time { return &row(m).TimestampOfInterest }),
		resource.Hidden("m.first_seen_at", func(m *C) *time.Time { return &row(m).FirstSeenAt }),
		resource.Labels(func(m *C) *model.Labels { return &row(m).PulpLabels }),
		resource.Computed("vuln_report", resource.URI().OrNull(), func(s *resource.Show, _ *C) { s.Raw("null") }),
		resource.File("file", func(m *C) **resource.Incoming { return &row(m).File }).Doc("An uploaded file that becomes the artifact of the content unit."),
		resource.NullReference("upload", func(m *C) **string { return &row(m).UploadID }, nil, resource.Target{Model: "core.upload"}).Unstored().WriteOnly().
			Doc("An uncommitted upload that becomes the artifact of the content unit."),
		resource.NullObject("repository", func(m *C) **resource.Object { return &row(m).Into }, resource.Target{Family: "repositories"}).
			Doc("A repository that gets the unit in a new version."),
		resource.Bool("overwrite", func(m *C) *bool { return &row(m).Overwrite }).Unstored().WriteOnly().Default(true).Optional(),
		resource.NullReference("artifact", func(m *C) **string { return &row(m).ArtifactID }, func(s *resource.Show, m *C) string {
			if id := row(m).Artifact.ID; id != nil {
				return "artifacts/" + *id + "/"
			}
			return ""
		}, resource.Target{Model: "core.artifact"}).Unstored().Doc("Artifact file representing the physical content."),
		resource.Joined("a.id", func(m *C) **string { return &row(m).Artifact.ID }),
		resource.Joined("a.size", func(m *C) **int64 { return &row(m).Artifact.Size }),
	}
	fields = append(fields, downloadFields(row)...)
	for _, d := range digests {
		pointer := func(m *C) **string { return d.of(&row(m).Artifact) }
		f := resource.NullText(d.name, pointer).Column("a." + d.name).Derived()
		fields = append(fields, f.Filters(resource.Exactly))
	}
	return fields
}

var digests = []struct {
	name string
	of   func(*Artifact) **string
}{
	{"md5", func(a *Artifact) **string { return &a.MD5 }}, {"sha1", func(a *Artifact) **string { return &a.SHA1 }},
	{"sha224", func(a *Artifact) **string { return &a.SHA224 }}, {"sha256", func(a *Artifact) **string { return &a.SHA256 }},
	{"sha384", func(a *Artifact) **string { return &a.SHA384 }}, {"sha512", func(a *Artifact) **string { return &a.SHA512 }},
}

// check looks at a create: one source of bytes, and a repository that takes the type.
func (k ContentKind[C]) check(in *resource.Input, c *Content) error {
	if err := c.oneSource(); err != nil {
		return err
	}
	if err := c.prepareDownload(in); err != nil {
		return err
	}
	return k.mayJoin(in, c.Into)
}

func (c *Content) oneSource() error {
	n := 0
	for _, given := range []bool{c.File != nil, c.ArtifactID != nil, c.UploadID != nil, c.FileURL != nil} {
		if given {
			n++
		}
	}
	if n != 1 {
		return errs.Together("Exactly one of 'artifact', 'file', 'upload' or 'file_url' must be specified.")
	}
	return nil
}

// quick tells of a unit whose bytes are in place and that no repository, and so no publication, waits for.
func (c *Content) quick() bool { return c.UploadID == nil && c.FileURL == nil && c.Into == nil }

func (k ContentKind[C]) locks(m *C) task.Locks {
	c := k.Row(m)
	held := task.Locks{}
	if c.UploadID != nil {
		held = held.AndExclusive(resource.PRN("core.upload", *c.UploadID))
	}
	if c.Into != nil {
		held = held.AndExclusive(c.Into.PRN())
	}
	return held
}

// keep makes an artifact of a file that came with the request, so that the task sees only the artifact.
func (k ContentKind[C]) keep(c *resource.Call, tx *db.Tx, m *C) error {
	file := k.Row(m).File
	if file == nil {
		return nil
	}
	a, _, err := file.Save(c.Context(), tx, c.Domain)
	if err != nil {
		return err
	}
	delete(c.Body.Values, "file")
	c.Body.Values["artifact"] = resource.PRN("core.artifact", a.ID)
	k.Row(m).ArtifactID = &a.ID
	return nil
}

// insert stores a unit, or finds the equal one that is there, and adds it to the repository that was named.
func (k ContentKind[C]) insert(of *resource.Of[C], w *resource.Work, m *C) error {
	a, err := k.artifact(w, k.Row(m))
	if err != nil {
		return err
	}
	path, err := k.Artifact(m, a)
	if err != nil {
		return err
	}
	if err := k.findOrStore(of, w, m, path, a); err != nil {
		return err
	}
	if k.Row(m).Into == nil {
		return nil
	}
	return k.addTo(w, m)
}

// prepare puts an upload together, or downloads, before the transaction begins.
func (k ContentKind[C]) prepare(ctx context.Context, env *resource.Env, m *C) (resource.Temporary, error) {
	c := k.Row(m)
	if c.FileURL != nil {
		return c.download(ctx, env)
	}
	if c.UploadID == nil {
		return nil, nil
	}
	store, err := env.Artifacts.In(ctx, c.DomainID)
	if err != nil {
		return nil, err
	}
	file, err := store.Assemble(ctx, env.DB, *c.UploadID)
	if err != nil {
		return nil, uploadGone(err)
	}
	c.File = file
	return file, nil
}

func (k ContentKind[C]) artifact(w *resource.Work, c *Content) (*model.Artifact, error) {
	switch {
	case c.UploadID != nil && c.File != nil:
		return consume(w, c)
	case c.File != nil:
		a, _, err := c.File.Save(w.Tx.Context(), w.Tx, c.DomainID)
		return a, err
	case c.ArtifactID == nil:
		return nil, errs.New(errs.Internal, "the file of a unit was not brought before its transaction began")
	}
	var a model.Artifact
	err := w.Tx.HoldRow("core_artifacts", *c.ArtifactID)
	if err == nil {
		err = db.Translate(w.Tx.Where("id = ? AND domain_id = ?", *c.ArtifactID, c.DomainID).Take(&a).Error)
	}
	if errs.Is(err, errs.NotFound) {
		return nil, errs.Field("artifact", "The artifact does not exist any more; upload the file again.")
	}
	return &a, err
}

// consume makes an artifact of an upload. It takes the upload first: of several that assembled it one gets it.
func consume(w *resource.Work, c *Content) (*model.Artifact, error) {
	if err := artifact.HoldUpload(w.Tx, *c.UploadID); err != nil {
		return nil, uploadGone(err)
	}
	a, _, err := c.File.Save(w.Tx.Context(), w.Tx, c.DomainID)
	if err != nil {
		return nil, err
	}
	return a, c.File.Consumed(w.Tx, *c.UploadID)
}

func uploadGone(err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Field("upload", "The upload does not exist any more; begin a new one.")
	}
	return err
}

func (k ContentKind[C]) findOrStore(of *resource.Of[C], w *resource.Work, m *C, path string, a *model.Artifact) error {
	c := k.Row(m)
	c.TimestampOfInterest, c.FirstSeenAt = c.PulpCreated, c.PulpCreated
	for range 3 { // another one may store the same unit meanwhile, and a third one clean it up again
		known, err := k.known(of, w, m, path, a)
		if err != nil || known {
			return err
		}
		err = w.Tx.Transaction(func(inner *gorm.DB) error {
			if err := resource.InsertRow(of, w.Env, inner, m); err != nil {
				return err
			}
			return inner.Create(&model.ContentArtifact{ContentID: c.ID, RelativePath: path, ArtifactID: &a.ID}).Error
		})
		if _, raced := db.Duplicate(err); !raced {
			return err
		}
	}
	return errs.New(errs.Conflict, "others keep storing and removing the same unit; try again")
}

// known looks for the unit with the same natural key; when there is one, m becomes it and counts as wanted again, which
// keeps it from being cleaned up until the transaction ends. It gets the artifact when it has none yet.
func (k ContentKind[C]) known(of *resource.Of[C], w *resource.Work, m *C, path string, a *model.Artifact) (bool, error) {
	columns := append([]string{"domain_id"}, k.NaturalKey...)
	var where []string
	var args []any
	for _, column := range columns {
		where, args = append(where, column+" = ?"), append(args, resource.Value(of, m, "d."+column))
	}
	var found []string
	err := w.Tx.Table(k.Table).Where(strings.Join(where, " AND "), args...).Limit(1).Pluck("id", &found).Error
	if err != nil || len(found) == 0 {
		return false, err
	}
	touched := w.Tx.Model(&model.Content{}).Where("id = ?", found[0]).Update("timestamp_of_interest", model.Now())
	if touched.Error != nil || touched.RowsAffected == 0 { // it was just cleaned up
		return false, touched.Error
	}
	k.Row(m).ID = found[0]
	return true, w.Tx.Model(&model.ContentArtifact{}).Where("content_id = ? AND relative_path = ? AND artifact_id IS NULL", found[0], path).Update("artifact_id", a.ID).Error
}

// addTo makes a new version of the repository with the unit, in the same transaction.
func (k ContentKind[C]) addTo(w *resource.Work, m *C) error {
	c := k.Row(m)
	v, err := w.Env.Versions.CommitInTask(w.Tx, w.Run, c.Into.Kind.Path, c.Into.ID, repository.Delta{Add: []string{c.ID}, KeepExisting: !c.Overwrite})
	if err != nil || v == nil {
		return err
	}
	if then := w.Env.AfterVersion(c.Into.Kind.Path); then != nil {
		w.After(func(ctx context.Context) error { return then(ctx, w.Run, v) })
	}
	return nil
}

// uploadAction makes a unit in the request: no task, no repository.
func (k ContentKind[C]) uploadAction(of *resource.Of[C]) resource.Action[C] {
	return resource.Action[C]{
		Verb: "upload", OnList: true, Doc: "Make a content unit at once, without a task.", Body: resource.SelfBody(of, k.Component+"Upload", "repository", "overwrite", "file_url", "downloader_config"),
		Answers: map[int]resource.AnswerDoc{201: {Doc: "The unit.", Schema: k.Component + "Response"}},
		Handle:  func(c *resource.Call, _ *C) (*resource.Answer, error) { return resource.CreateNow(of, c) },
	}
}
