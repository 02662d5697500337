package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const (
	fileType    = "file.file"  // publications, path-keyed
	rawType     = "raw.raw"    // versions as they are, path-keyed
	looseType   = "loose.many" // publications, units with several paths
	keyedUnit   = "file.file"
	looseUnit   = "loose.unit"
	finderType  = "live.live"
	unknownType = "gone.gone"
)

var kinds = []Kind{
	{PulpType: fileType, ServesPublications: true, PathKeyed: keyedUnit},
	{PulpType: rawType, PathKeyed: keyedUnit},
	{PulpType: looseType, ServesPublications: true},
}

// world is a database with rows that tests put there by hand.
type world struct {
	t  *testing.T
	db *db.DB
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, testkit.Postgres(t)))
	})
}

func newWorld(t *testing.T, address string) *world {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	w := &world{t: t, db: d}
	tables.Fill(t, d, "")
	return w
}

func (w *world) change(work func(tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), work); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(rows ...any) {
	w.t.Helper()
	w.change(func(tx *db.Tx) error {
		for _, row := range rows {
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) artifact(text string) *model.Artifact {
	w.t.Helper()
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	var known []model.Artifact
	if err := w.db.Read(w.t.Context()).Where("sha256 = ?", digest).Find(&known).Error; err != nil {
		w.t.Fatal(err)
	}
	if len(known) > 0 {
		return &known[0]
	}
	a := &model.Artifact{Base: model.NewBase(ident.DefaultDomain), File: "artifact/" + digest, Size: int64(len(text)), SHA256: digest, TimestampOfInterest: model.Now()}
	w.put(a)
	return a
}

// repo is a repository with its versions 0 to latest.
type repo struct {
	*model.Repository
	w        *world
	versions []*model.RepositoryVersion
}

func (w *world) repository(name string, latest int64) *repo {
	w.t.Helper()
	r := &repo{w: w, Repository: &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: fileType, Name: name, LatestVersion: latest, NextVersion: latest + 1}}
	w.put(r.Repository)
	for n := range latest + 1 {
		v := &model.RepositoryVersion{Base: model.NewBase(ident.DefaultDomain), RepositoryID: r.ID, Number: n, Counts: model.JSON("{}"), SetHash: "", CurrentFrom: model.Now()}
		w.put(v)
		r.versions = append(r.versions, v)
	}
	return r
}

// addedAt is the moment from which tests date everything.
var addedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// unit adds content that has text under a path, from version added up to removed (0: it stays).
func (r *repo) unit(path, text string, added, removed int64) *model.Content {
	r.w.t.Helper()
	return r.offer(keyedUnit, path, added, removed, map[string]string{path: text})
}

// offer adds content with any number of paths.
func (r *repo) offer(kind, key string, added, removed int64, files map[string]string) *model.Content {
	r.w.t.Helper()
	c := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: kind, TimestampOfInterest: addedAt, FirstSeenAt: addedAt}
	m := &model.Membership{RepositoryID: r.ID, ContentID: c.ID, VersionAdded: added, PulpType: kind, RepoKey: key, AddedAt: addedAt}
	if removed > 0 {
		m.VersionRemoved = &removed
	}
	rows := []any{c, m}
	for path, text := range files {
		ca := &model.ContentArtifact{ContentID: c.ID, RelativePath: path}
		if text != "" {
			ca.ArtifactID = &r.w.artifact(text).ID
		}
		rows = append(rows, ca)
	}
	r.w.put(rows...)
	return c
}

// publish makes a complete publication of a version, with published artifacts of its own.
func (r *repo) publish(version int64, passThrough bool, files map[string]string) *model.Publication {
	r.w.t.Helper()
	p := &model.Publication{Base: model.NewBase(ident.DefaultDomain), PulpType: fileType, RepositoryID: r.ID, RepositoryVersionID: r.versions[version].ID, VersionNumber: version, Complete: true, PassThrough: passThrough}
	rows := []any{p}
	for path, text := range files {
		rows = append(rows, &model.PublishedArtifact{PublicationID: p.ID, RelativePath: path, ArtifactID: &r.w.artifact(text).ID, AddedAt: addedAt})
	}
	r.w.put(rows...)
	return p
}

// distribute makes a distribution whose name is its base path.
func (w *world) distribute(kind, base string, set func(d *model.Distribution)) *model.Distribution {
	w.t.Helper()
	d := &model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: kind, Name: base, BasePath: base}
	if set != nil {
		set(d)
	}
	w.put(d)
	return d
}
