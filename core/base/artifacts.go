package base

import (
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
)

// artifactRow is an artifact with what a create says of it.
type artifactRow struct {
	model.Artifact
	received *resource.Incoming
	// size and digests are what the sender expects of the bytes; nil where nothing was said.
	size    *int64
	digests [6]*string
}

// Artifacts are the stored files.
func Artifacts() resource.Of[artifactRow] {
	access := resource.Permissions("core.artifact")
	access[resource.Delete] = auth.Nobody // the contract's policy lets nobody delete an artifact
	return resource.Of[artifactRow]{
		Path: "artifacts", Component: "Artifact", Doc: "A stored file.",
		Source: resource.Source{Table: "core_artifacts"}, Base: artifactBase, Fields: artifactFields(),
		Filters: noun.ArtifactFilters(),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Delete},
		Access:  access, SyncDelete: true, Insert: saveArtifact, Shareable: true, Sees: noun.ArtifactsSeen, ReadBySight: true,
	}
}

func artifactBase(a *artifactRow) *model.Base { return &a.Base }

func artifactFields() []resource.Field[artifactRow] {
	fields := resource.BaseFields("d.", "core.artifact", artifactBase, func(a *artifactRow) string { return "artifacts/" + a.ID + "/" })
	fields = append(fields,
		resource.File("file", func(a *artifactRow) **resource.Incoming { return &a.received }).Required().Doc("The stored file."),
		resource.Text("file", func(a *artifactRow) *string { return &a.File }).ReadOnly(),
		resource.Hidden("d.timestamp_of_interest", func(a *artifactRow) *time.Time { return &a.TimestampOfInterest }),
		resource.NullInt("size", 0, func(a *artifactRow) **int64 { return &a.size }).Unstored().WriteOnly().Doc("The size of the file in bytes, checked."),
		resource.Int("size", 0, func(a *artifactRow) *int64 { return &a.Size }).ReadOnly(),
	)
	for i, algorithm := range artifact.Algorithms() {
		name := string(algorithm)
		fields = append(fields,
			resource.NullText(name, func(a *artifactRow) **string { return &a.digests[i] }).Unstored().WriteOnly().
				Check(func(a *artifactRow) error { return wellFormed(algorithm, a.digests[i]) }).Doc("The "+name+" checksum of the file, checked."),
			shownDigest(algorithm).ReadOnly().Filters(resource.Exactly))
	}
	return fields
}

func shownDigest(algorithm artifact.Algorithm) resource.Field[artifactRow] {
	name := string(algorithm)
	switch algorithm {
	case artifact.MD5:
		return resource.NullText(name, func(a *artifactRow) **string { return &a.MD5 })
	case artifact.SHA1:
		return resource.NullText(name, func(a *artifactRow) **string { return &a.SHA1 })
	case artifact.SHA224:
		return resource.NullText(name, func(a *artifactRow) **string { return &a.SHA224 })
	case artifact.SHA384:
		return resource.NullText(name, func(a *artifactRow) **string { return &a.SHA384 })
	case artifact.SHA512:
		return resource.NullText(name, func(a *artifactRow) **string { return &a.SHA512 })
	}
	return resource.Text(name, func(a *artifactRow) *string { return &a.SHA256 })
}

func wellFormed(algorithm artifact.Algorithm, digest *string) error {
	if digest != nil && !algorithm.Valid(*digest) {
		return errs.New(errs.Invalid, "A %s is %d lower-case hexadecimal digits.", algorithm, algorithm.HexLen())
	}
	return nil
}

// saveArtifact compares the bytes with what was said of them and keeps them. Bytes that are there already are refused:
// clients look for the digest first.
func saveArtifact(w *resource.Work, a *artifactRow) error {
	want := artifact.Digests{}
	for i, algorithm := range artifact.Algorithms() {
		if a.digests[i] != nil {
			want[algorithm] = *a.digests[i]
		}
	}
	size := int64(-1)
	if a.size != nil {
		size = *a.size
	}
	if err := a.received.Check(size, want); err != nil {
		return errs.Together("%s", err)
	}
	saved, created, err := a.received.Save(w.Tx.Context(), w.Tx, a.DomainID)
	if err != nil {
		return err
	}
	if !created {
		return alreadyThere(saved)
	}
	a.Artifact = *saved
	return nil
}

func alreadyThere(a *model.Artifact) error {
	return errs.Together("Artifact with sha256 checksum of '%s' already exists.", a.SHA256)
}
