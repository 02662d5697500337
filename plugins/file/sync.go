package file

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// syncArgs is the task that brings an upstream into a repository.
type syncArgs struct {
	Repository    string `json:"repository"`
	RepositoryPRN string `json:"repository_prn"`
	Remote        string `json:"remote"`
	RemotePRN     string `json:"remote_prn"`
	// ACS and ACSPRN name the alternate content source that is refreshed, URL the manifest below it; empty for a sync.
	ACS      string `json:"acs,omitempty"`
	ACSPRN   string `json:"acs_prn,omitempty"`
	URL      string `json:"url,omitempty"`
	Mirror   bool   `json:"mirror,omitempty"`
	Optimize bool   `json:"optimize"`
}

// Kind is the task's name.
func (syncArgs) Kind() string { return "pulp_file.app.tasks.synchronizing.synchronize" }

// Locks keep others from changing the repository, and the remote from being changed.
func (a syncArgs) Locks() task.Locks {
	locks := task.Exclusive(a.RepositoryPRN).AndShared(a.RemotePRN)
	if a.ACSPRN != "" {
		locks = locks.AndShared(a.ACSPRN)
	}
	return locks
}

// sync is one run of the task.
type sync struct {
	env  *resource.Env
	run  *task.Run
	args syncArgs
	repo Repository
	from remoteRow
	// manifest is the file of the task's folder that the manifest was fetched into, lines what it holds, nil when that
	// is not kept. known are lines of which nothing is left to do.
	manifest     string
	lines, known lines
	// report is that of the metadata, open until it is clear whether there is anything to do.
	report *task.Progress
}

// remoteRow is a remote of either kind.
type remoteRow struct {
	model.Remote
	// GitRef is nil for a remote that is no git repository.
	GitRef *string
}

// details are what the last sync left behind: when all of it is still the same, the next one has nothing to do.
type details struct {
	URL      string `json:"url"`
	Remote   string `json:"remote_pk"`
	Policy   string `json:"download_policy"`
	Mirror   bool   `json:"sync_mirror"`
	Checksum string `json:"manifest_checksum"`
	Version  int64  `json:"most_recent_version"`
}

// synchronize is the handler of the task.
func synchronize(env *resource.Env) task.Handler {
	return task.Handle(func(ctx context.Context, run *task.Run, a syncArgs) (any, error) {
		s := &sync{env: env, run: run, args: a}
		if err := s.load(ctx); err != nil {
			return nil, err
		}
		v, err := s.bring(ctx)
		if err == nil && a.ACS != "" {
			err = noun.PathRefreshed(ctx, run)
		}
		if err != nil || v == nil {
			return nil, err
		}
		if then := env.AfterVersion(repositoryKind.Path); then != nil {
			if err := then(ctx, run, v); err != nil {
				return nil, err
			}
		}
		return env.Shown(ctx, repositoryKind.Path+"/{repository}/versions", v.ID)
	}, task.Long(), task.Schedulable()) // downloads as much as the upstream has
}

// load reads the rows as they are now that the task has its locks.
func (s *sync) load(ctx context.Context) error {
	read := s.run.DB().Read(ctx)
	err := read.Raw(`SELECT m.id, m.latest_version, d.autopublish, d.manifest, d.last_sync_details FROM file_repositories d JOIN core_repositories m ON m.id = d.id WHERE d.id = ? AND m.domain_id = ?`, s.args.Repository, s.run.Domain).
		Take(&s.repo).Error
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "the repository %s is not there any more; change the schedule or the request: %w", s.args.RepositoryPRN, err)
	}
	if err != nil {
		return fmt.Errorf("read the repository to sync: %w", err)
	}
	err = read.Raw(`SELECT r.*, g.git_ref FROM core_remotes r LEFT JOIN file_git_remotes g ON g.id = r.id WHERE r.id = ? AND r.domain_id = ?`, s.args.Remote, s.run.Domain).Take(&s.from).Error
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "the remote %s is not there any more; change the schedule or the request: %w", s.args.RemotePRN, err)
	}
	if err != nil {
		return fmt.Errorf("read the remote to sync from: %w", err)
	}
	if s.args.URL != "" {
		s.from.URL = s.args.URL
	}
	s.run.Log().Info("the sync begins", "remote", s.from.Name, "url", remote.Clean(s.from.URL), "policy", s.from.Policy, "mirror", s.args.Mirror, "version", s.repo.LatestVersion)
	return nil
}

// bring makes the new version, nil when there is nothing to change.
func (s *sync) bring(ctx context.Context) (*model.RepositoryVersion, error) {
	if s.from.GitRef != nil {
		return s.bringGit(ctx)
	}
	checksum, err := s.fetchManifest(ctx)
	if err != nil {
		return nil, err
	}
	now := details{URL: s.from.URL, Remote: s.from.ID, Policy: string(s.from.Policy), Mirror: s.args.Mirror, Checksum: checksum, Version: s.repo.LatestVersion}
	skip, err := s.mayBeSkipped(ctx, now)
	if err != nil {
		return nil, err
	}
	if skip {
		return nil, s.skip(ctx)
	}
	s.report.Finish(1)
	if err := s.compare(ctx, now); err != nil {
		return nil, err
	}
	v, err := s.through(ctx, &s.from.Remote, s.emitManifest)
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
	return v, s.publishMirror(ctx, v)
}

// through sends what first emits through the pipeline.
func (s *sync) through(ctx context.Context, from *model.Remote, first pipeline.First) (*model.RepositoryVersion, error) {
	store, err := s.env.Artifacts.In(ctx, s.run.Domain)
	if err != nil {
		return nil, err
	}
	return pipeline.Run(ctx, pipeline.Options{
		Run: s.run, Store: store, Versions: s.env.Versions, Remotes: s.env.Remotes, Remote: from, Kind: Contents.Pipeline(),
		RepositoryID: s.args.Repository, KindPath: repositoryKind.Path, Mirror: s.args.Mirror, Alternate: s.args.ACS != "",
	}, first)
}

// fetchManifest brings the manifest into the folder of the task and gives its SHA-256.
func (s *sync) fetchManifest(ctx context.Context) (checksum string, err error) {
	if s.report, err = s.run.Progress(ctx, "sync.downloading.metadata", "Downloading Metadata", nil, ""); err != nil {
		return "", err
	}
	client, err := s.env.Remotes.Client(&s.from.Remote)
	if err != nil {
		return "", err
	}
	dir, err := s.run.Dir()
	if err != nil {
		return "", err
	}
	s.manifest = filepath.Join(dir, "manifest")
	err = client.Fetch(ctx, s.from.URL, func(body io.Reader) (err error) {
		file, err := os.Create(s.manifest)
		if err != nil {
			return fmt.Errorf("keep the manifest: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		digest := sha256.New()
		if _, err := io.Copy(io.MultiWriter(file, digest), body); err != nil {
			return fmt.Errorf("keep the manifest: %w", err)
		}
		checksum = hex.EncodeToString(digest.Sum(nil))
		return nil
	})
	return checksum, err
}

// mayBeSkipped tells whether a sync would change nothing: the last one was of the same manifest with the same remote and
// made the version that is still the newest. One that is to mirror or to download what the last one did not is wanted.
func (s *sync) mayBeSkipped(ctx context.Context, now details) (bool, error) {
	last, known := s.last()
	if !s.args.Optimize || !known {
		return false, nil
	}
	if now.Mirror && !last.Mirror {
		return false, nil
	}
	policy := last.Policy
	last.Policy, last.Mirror = now.Policy, now.Mirror
	if last != now {
		return false, nil
	}
	if now.Policy != string(model.Immediate) || policy == now.Policy {
		return true, nil
	}
	missing, err := s.anyMissing(ctx)
	return !missing, err
}

// last is what the last sync left behind; known is false when there was none, or one that cannot be read.
func (s *sync) last() (last details, known bool) {
	err := json.Unmarshal(s.repo.LastSyncDetails, &last)
	return last, err == nil && last != details{}
}

// compare finds out which lines of the manifest are known from the last sync: when that was of the same place and made
// the version that is still the newest, their units are members of it. A mirror must hear of all, to know what is gone.
func (s *sync) compare(ctx context.Context, now details) (err error) {
	file, err := os.Open(s.manifest)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	s.lines, err = linesOf(bufio.NewReader(file))
	if err = errors.Join(err, file.Close()); err != nil {
		return s.unreadable(err)
	}
	last, known := s.last()
	if !s.args.Optimize || s.args.Mirror || s.lines == nil || !known {
		return nil
	}
	last.Checksum, last.Mirror = now.Checksum, now.Mirror
	if last != now {
		return nil
	}
	if now.Policy == string(model.Immediate) {
		if missing, err := s.anyMissing(ctx); err != nil || missing {
			return err
		}
	}
	s.known, err = s.loadLines(ctx)
	return err
}

// anyMissing tells whether a file of the newest version is not downloaded.
func (s *sync) anyMissing(ctx context.Context) (bool, error) {
	var found []int
	err := s.run.DB().Read(ctx).Raw(`SELECT 1 FROM core_repository_contents m JOIN core_content_artifacts ca ON ca.content_id = m.content_id
		WHERE m.repository_id = ? AND m.version_removed IS NULL AND ca.artifact_id IS NULL LIMIT 1`, s.repo.ID).Scan(&found).Error
	return len(found) > 0, err
}

// skip ends a sync that has nothing to do. The report of the metadata becomes the one that says so.
func (s *sync) skip(ctx context.Context) error {
	s.run.Log().Info("the upstream is as it was at the last sync, there is nothing to do")
	s.report.Turn("sync.was_skipped", "Skipping Sync (no change from previous sync)")
	s.report.Finish(1)
	return s.refreshed(ctx)
}

// refreshed notes that an alternate content source is up to date.
func (s *sync) refreshed(ctx context.Context) error {
	if s.args.ACS == "" {
		return nil
	}
	return s.run.InTx(ctx, func(tx *db.Tx) error { return noun.Refreshed(tx, s.args.ACS) })
}

// emitManifest emits the files of the manifest.
func (s *sync) emitManifest(ctx context.Context, emit func(pipeline.Unit) error) (err error) {
	base, err := folder(s.from.URL)
	if err != nil {
		return err
	}
	file, err := os.Open(s.manifest)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	report, err := s.run.Progress(ctx, "sync.parsing.metadata", "Parsing Metadata", nil, "")
	if err != nil {
		return err
	}
	found, known := int64(0), 0
	for l, err := range readManifest(bufio.NewReader(file)) {
		if err != nil {
			return s.unreadable(err)
		}
		found++
		report.Add(1)
		if s.known.has(l) {
			known++
			continue
		}
		size := l.size
		err := emit(pipeline.Unit{Row: &Content{RelativePath: l.path, Digest: l.sha256}, Files: []pipeline.File{{
			RelativePath: l.path, URL: base + escaped(l.path), Size: &size, Digests: artifact.Digests{artifact.SHA256: l.sha256}}}})
		if err != nil {
			return err
		}
	}
	report.Finish(found)
	s.run.Log().Info("the manifest was read", "files", found, "as_at_the_last_sync", known)
	return nil
}

// unreadable is an error of the manifest, told with its URL where the upstream is at fault.
func (s *sync) unreadable(err error) error {
	shown := remote.Clean(s.from.URL)
	if errs.Is(err, errs.Invalid) {
		return errs.Coded(errs.Invalid, "PLP0013", "%s: %w", shown, err)
	}
	return fmt.Errorf("read the manifest of %s: %w", shown, err)
}

// remember keeps what the next sync compares with.
func (s *sync) remember(ctx context.Context, now details) error {
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	err = s.run.InTx(ctx, func(tx *db.Tx) error {
		if err := s.keepLines(tx, s.lines); err != nil {
			return err
		}
		return tx.Exec("UPDATE file_repositories SET last_sync_details = ? WHERE id = ?", model.JSON(text), s.repo.ID).Error
	})
	if err != nil {
		return err
	}
	return s.refreshed(ctx)
}

// syncAction is the operation sync/ of repositories.
func syncAction() resource.Action[Repository] {
	return noun.SyncAction("FileRepositorySyncURL", func(r *Repository) *model.Repository { return &r.Repository }, remoteModels(), func(r *Repository, b noun.SyncBody) (task.Args, error) {
		if b.Mirror && r.Autopublish {
			return nil, errs.Messages("Cannot use mirror mode with autopublished repository.")
		}
		return syncArgs{Repository: r.ID, RepositoryPRN: resource.PRN(repositoryKind.Model(), r.ID), Remote: b.Remote.ID, RemotePRN: b.Remote.PRN(), Mirror: b.Mirror, Optimize: b.Optimize}, nil
	})
}

// remoteModels are the remotes that repositories of files sync from.
func remoteModels() []string { return []string{remoteKind.Model(), gitRemoteKind.Model()} }
