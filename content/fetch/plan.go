package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// mostAlternates bounds the alternate places of one file that are tried.
const mostAlternates = 8

// candidate is a place from which a file may come.
type candidate struct {
	model.RemoteArtifact
	remote   *model.Remote
	digests  artifact.Digests
	streamed bool
	passing  bool // another process stores the file
	// validators are those of an answer to an errand.
	validators validators
}

// kept tells whether what comes from the place is stored.
func (c candidate) kept() bool { return !c.streamed && !c.passing }

func (c candidate) digest() string { return c.digests[artifact.SHA256] }

// candidates gives the places of a file, in the order in which they are tried, those that failed lately too.
func (f *Fetcher) candidates(ctx context.Context, p place) ([]candidate, error) {
	read := f.DB.Read(ctx)
	var own, alternates []model.RemoteArtifact
	err := read.Where("content_id = ? AND relative_path = ? AND NOT alternate", p.content, p.path).Order("remote_id").Find(&own).Error
	if err != nil {
		return nil, fmt.Errorf("look for the sources of a file: %w", err)
	}
	if sha256 := declaredDigest(own); sha256 != "" {
		err := read.Where("alternate AND sha256 = ?", sha256).
			Where("remote_id IN (SELECT remote_id FROM core_alternate_content_sources WHERE domain_id = ?)", p.domain).
			Order("remote_id, content_id, relative_path").Limit(mostAlternates).Find(&alternates).Error
		if err != nil {
			return nil, fmt.Errorf("look for the alternate sources of a file: %w", err)
		}
	}
	remotes, err := remotesOf(read, p.domain, append(alternates[:len(alternates):len(alternates)], own...))
	if err != nil {
		return nil, err
	}
	return arrange(alternates, own, remotes)
}

// remotesOf reads the remotes of places by their identity.
func remotesOf(read *gorm.DB, domain string, rows []model.RemoteArtifact) (map[string]*model.Remote, error) {
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.RemoteID)
	}
	var found []*model.Remote
	if len(ids) > 0 {
		if err := read.Where("domain_id = ? AND id IN ?", domain, ids).Find(&found).Error; err != nil {
			return nil, fmt.Errorf("read the remotes of a file: %w", err)
		}
	}
	byID := map[string]*model.Remote{}
	for _, r := range found {
		byID[r.ID] = r
	}
	return byID, nil
}

// arrange makes candidates. What one place does not tell about the file, another one may: it is the same file.
func arrange(alternates, own []model.RemoteArtifact, remotes map[string]*model.Remote) ([]candidate, error) {
	var size *int64
	for _, row := range own {
		if size == nil {
			size = row.Size
		}
	}
	// What is streamed is not stored, even where an alternate source has it.
	streamed := len(own) > 0 && remotes[own[0].RemoteID] != nil && remotes[own[0].RemoteID].Policy == model.Streamed
	var all []candidate
	for _, row := range append(alternates[:len(alternates):len(alternates)], own...) {
		r := remotes[row.RemoteID]
		if r == nil {
			continue // it is gone, and its places go with it
		}
		if row.Size == nil {
			row.Size = size
		}
		digests, err := digestsOf(row, declaredDigest(own))
		if err != nil {
			return nil, err
		}
		all = append(all, candidate{RemoteArtifact: row, remote: r, digests: digests, streamed: r.Policy == model.Streamed || row.Alternate && streamed})
	}
	return all, nil
}

func digestsOf(row model.RemoteArtifact, sha256 string) (artifact.Digests, error) {
	digests := artifact.Digests{}
	if len(row.Digests) > 0 {
		if err := json.Unmarshal(row.Digests, &digests); err != nil {
			return nil, errs.New(errs.Internal, "read the digests of %s: %w", row.RelativePath, err)
		}
	}
	if digests == nil { // JSON's null
		digests = artifact.Digests{}
	}
	if row.SHA256 != nil {
		sha256 = *row.SHA256
	}
	if sha256 != "" {
		digests[artifact.SHA256] = sha256
	}
	return digests, nil
}

func declaredDigest(rows []model.RemoteArtifact) string {
	for _, row := range rows {
		if row.SHA256 != nil {
			return *row.SHA256
		}
	}
	return ""
}

// cooling tells until when a candidate is left alone.
func (f *Fetcher) cooling(c candidate) (until time.Time, cooling bool) {
	if c.FailedAt == nil {
		return time.Time{}, false
	}
	until = c.FailedAt.Add(f.Cooldown)
	return until, model.Now().Before(until)
}

// Streams tells whether a file is never stored, because its remote has the policy streamed.
func (f *Fetcher) Streams(ctx context.Context, domain string, missing *serve.Missing) (bool, error) {
	all, err := f.candidates(ctx, place{domain, missing.ContentID, missing.RelativePath})
	return len(all) > 0 && all[0].streamed, err
}
