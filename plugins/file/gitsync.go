package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/plugins/file/gitsource"
)

// bringGit makes a version of the files of one commit. They are in the repository or not at all: nothing is left to be
// fetched later, because a commit may be gone from the upstream by then.
func (s *sync) bringGit(ctx context.Context) (v *model.RepositoryVersion, err error) {
	tree, err := s.clone(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	now := details{URL: s.from.URL, Remote: s.from.ID, Policy: string(model.Immediate), Mirror: s.args.Mirror, Checksum: tree.Commit, Version: s.repo.LatestVersion}
	skip, err := s.mayBeSkipped(ctx, now)
	if err != nil {
		return nil, err
	}
	if skip {
		return nil, s.skip(ctx)
	}
	s.report.Finish(1)
	v, err = s.through(ctx, nil, func(ctx context.Context, emit func(pipeline.Unit) error) error { return emitTree(ctx, tree, emit) })
	if err != nil {
		return nil, err
	}
	if v != nil {
		now.Version = v.Number
	}
	if err := s.remember(ctx, now); err != nil {
		return nil, err
	}
	if v == nil || !s.args.Mirror {
		return v, nil
	}
	_, err = publish(ctx, s.run, s.env, v, s.repo.Manifest, false)
	return v, err
}

// clone fetches the commit that the remote names into the folder of the task.
func (s *sync) clone(ctx context.Context) (*gitsource.Tree, error) {
	client, err := s.env.Remotes.Client(&s.from.Remote)
	if err != nil {
		return nil, err
	}
	dir, err := s.run.Dir()
	if err != nil {
		return nil, err
	}
	stages := &stages{ctx: ctx, run: s.run}
	tree, err := gitsource.Fetch(ctx, gitsource.Options{
		HTTP: client.HTTP(), URL: s.from.URL, Ref: *s.from.GitRef, Dir: dir,
		Allowed: func(path string) error { return remote.CheckURL("file://"+path, s.env.ImportPaths) },
		Begin:   stages.begin,
		Skipped: func(path, reason string) {
			s.run.Log().Warn("a file of the git repository is left out", "path", path, "reason", reason)
		},
	})
	s.report = stages.current
	if err == nil {
		err = stages.fault
	}
	if err != nil && tree != nil {
		err = errors.Join(err, tree.Close())
	}
	return tree, err
}

// stages reports the steps of reading a git repository, one after the other.
type stages struct {
	ctx     context.Context
	run     *task.Run
	current *task.Progress
	fault   error
}

func (s *stages) begin(stage gitsource.Stage) {
	s.end()
	messages := map[gitsource.Stage]string{gitsource.Cloning: "Cloning Git Repository", gitsource.ResolvingRef: "Resolving Git Ref", gitsource.ParsingTree: "Parsing Git Tree"}
	report, err := s.run.Progress(s.ctx, string(stage), messages[stage], nil, "")
	s.current, s.fault = report, errors.Join(s.fault, err)
}

func (s *stages) end() {
	if s.current != nil {
		s.current.Finish(1)
	}
}

// emitTree emits the files of a commit.
func emitTree(ctx context.Context, tree *gitsource.Tree, emit func(pipeline.Unit) error) error {
	for file, err := range tree.Files(ctx) {
		if err != nil {
			return fmt.Errorf("read the tree of %s: %w", tree.Commit, err)
		}
		size := file.Size
		unit := pipeline.File{RelativePath: file.Path, Size: &size, Open: file.Open}
		if file.LFS != nil {
			unit.Digests = artifact.Digests{artifact.SHA256: file.LFS.OID}
		}
		if err := emit(pipeline.Unit{Row: &Content{RelativePath: file.Path}, Files: []pipeline.File{unit}}); err != nil {
			return err
		}
	}
	return nil
}
