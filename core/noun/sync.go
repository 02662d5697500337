package noun

import (
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/resource"
)

// Pipeline is what a sync must know of the type. Units are emitted with a *C as their row and one file, which offers the
// path that Artifact gives.
func (k ContentKind[C]) Pipeline() pipeline.Kind {
	return pipeline.Kind{
		ContentType: k.ContentType(), Columns: resource.Columns(k.Fields), NaturalKey: k.NaturalKey,
		Values: func(row any, files []pipeline.Stored) ([]any, error) {
			c, ours := row.(*C)
			if !ours || len(files) != 1 {
				return nil, errs.New(errs.Internal, "a unit of %s was emitted as a %T with %d files", k.Type, row, len(files))
			}
			path, err := k.Artifact(c, artifactOf(files[0]))
			if err != nil {
				return nil, err
			}
			if path != files[0].RelativePath {
				return nil, errs.New(errs.Internal, "a unit of %s at %q was emitted with a file at %q", k.Type, path, files[0].RelativePath)
			}
			return resource.Values(k.Fields, c), nil
		},
	}
}

// artifactOf is an artifact with all that is known of a file, stored or not.
func artifactOf(f pipeline.Stored) *model.Artifact {
	optional := func(name artifact.Algorithm) *string {
		if digest, told := f.Digests[name]; told {
			return &digest
		}
		return nil
	}
	return &model.Artifact{Size: f.Size, SHA256: f.Digests[artifact.SHA256], MD5: optional(artifact.MD5), SHA1: optional(artifact.SHA1),
		SHA224: optional(artifact.SHA224), SHA384: optional(artifact.SHA384), SHA512: optional(artifact.SHA512)}
}
