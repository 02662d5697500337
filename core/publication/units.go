package publication

import (
	"iter"

	"github.com/packhouse/packhouse/core/model"
)

// Unit is one path of the published version and the digest and size of the file behind it: as it is stored, or where it
// is not downloaded yet, as its upstream says. SHA256 is empty and Size -1 where nobody says.
type Unit struct {
	ContentID    string
	RelativePath string
	SHA256       string
	Size         int64
	// Gone tells that the file is not stored and that no remote is known for it any more, as after the end of its remote.
	Gone bool `gorm:"-"`
}

// pageOfUnits is how many content units are read at a time.
const pageOfUnits = 1000

// Units walks the paths of the version's content, newest content first, in bounded memory.
func (d *Draft) Units() iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		before := ""
		for {
			units, last, err := d.page(before)
			if err != nil {
				yield(Unit{}, err)
				return
			}
			for _, u := range units {
				if !yield(u, nil) {
					return
				}
			}
			if last == "" {
				return
			}
			before = last
		}
	}
}

// page reads the units after a content in descending order of identity; last is empty at the end.
func (d *Draft) page(before string) (units []Unit, last string, err error) {
	n := d.Row.VersionNumber
	ids := []string{}
	// The sum keeps a planner from beginning with the version, whose members it would sort again for each page.
	members := d.run.DB().Read(d.ctx).Model(&model.Membership{}).
		Where("repository_id = ? AND version_added + 0 <= ? AND (version_removed IS NULL OR version_removed > ?)", d.Row.RepositoryID, n, n)
	if before != "" {
		members = members.Where("content_id < ?", before)
	}
	if err := members.Order("content_id DESC").Limit(pageOfUnits).Pluck("content_id", &ids).Error; err != nil || len(ids) == 0 {
		return nil, "", err
	}
	err = d.run.DB().Read(d.ctx).Raw(`SELECT ca.content_id, ca.relative_path, COALESCE(a.sha256, `+told("sha256")+`, '') AS sha256, COALESCE(a.size, `+told("size")+`, -1) AS size
		FROM core_content_artifacts ca LEFT JOIN core_artifacts a ON a.id = ca.artifact_id WHERE ca.content_id IN ? ORDER BY ca.content_id DESC, ca.relative_path`, ids).Scan(&units).Error
	if err != nil {
		return nil, "", err
	}
	if len(ids) == pageOfUnits {
		last = ids[len(ids)-1]
	}
	return units, last, d.noteGone(units)
}

// noteGone finds those units of which nobody says digest or size because no remote is left that could.
func (d *Draft) noteGone(units []Unit) error {
	known := map[string]bool{}
	var silent, remembered []string
	for _, u := range units {
		if u.SHA256 == "" || u.Size < 0 {
			silent = append(silent, u.ContentID)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	if err := d.run.DB().Read(d.ctx).Table("core_remote_artifacts").Distinct("content_id").Where("content_id IN ?", silent).Pluck("content_id", &remembered).Error; err != nil {
		return err
	}
	for _, id := range remembered {
		known[id] = true
	}
	for i, u := range units {
		units[i].Gone = (u.SHA256 == "" || u.Size < 0) && !known[u.ContentID]
	}
	return nil
}

// told is what an upstream says of a file. max and not LIMIT 1, for which PostgreSQL would read the table from its
// beginning while it has no statistics of it.
func told(column string) string {
	return "(SELECT max(ra." + column + ") FROM core_remote_artifacts ra WHERE ra.content_id = ca.content_id AND ra.relative_path = ca.relative_path)"
}
