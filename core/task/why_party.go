package task

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/ident"
)

// Told is a text that is not always told: an empty one is null in JSON.
type Told string

// MarshalJSON writes the text, or null.
func (t Told) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// Party is another task that an explanation tells of. Task is its PRN; it and all that would tell more than where the
// task stands are empty where the asker may not see it.
type Party struct {
	Task     Told     `json:"task"`
	Kind     Told     `json:"kind"`
	State    State    `json:"state"`
	Standing Standing `json:"standing"`
	// Since is when it came to stand there.
	Since  time.Time `json:"since"`
	Worker Told      `json:"worker"`
	// Progress is its latest report in words; LikelyEnd is nil when there is nothing to tell it from.
	Progress  Told       `json:"progress"`
	LikelyEnd *time.Time `json:"likely_end"`

	row Row
	// ends is LikelyEnd, known also where it is not shown.
	ends *time.Time
}

// hidden tells whether the asker may not see the task.
func (p *Party) hidden() bool { return p.Task == "" }

// meet notes that a task is told of; load reads about it.
func (i *inquiry) meet(seq int64) *Party {
	p := i.parties[seq]
	if p == nil {
		p = &Party{row: Row{Seq: seq}}
		i.parties[seq] = p
		i.pending = append(i.pending, p)
	}
	return p
}

// load reads about the tasks that were met since the last time.
func (i *inquiry) load() error {
	pending := i.pending
	i.pending = nil
	if len(pending) == 0 {
		return nil
	}
	var seqs []int64
	for _, p := range pending {
		seqs = append(seqs, p.row.Seq)
	}
	var rows []Row
	if err := i.read.Raw("SELECT "+whyColumns+" FROM core_tasks WHERE seq IN ?", seqs).Scan(&rows).Error; err != nil {
		return err
	}
	var ids []string
	for _, r := range rows {
		p := i.parties[r.Seq]
		p.row, p.State = r, r.State
		p.Standing, p.Since = standing(&r)
		ids = append(ids, r.ID)
	}
	return i.reveal(pending, ids)
}

// reveal tells more about the tasks that the asker may see.
func (i *inquiry) reveal(pending []*Party, ids []string) error {
	reports, err := i.reports(ids)
	if err != nil {
		return err
	}
	visible, err := i.visible(ids)
	if err != nil {
		return err
	}
	for _, p := range pending {
		report := reports[p.row.ID]
		p.ends = i.likelyEnd(&p.row, report)
		if !visible[p.row.ID] {
			continue
		}
		p.Task, p.Kind, p.LikelyEnd = Told(ident.PRN("core.task", p.row.ID)), Told(p.row.Name), p.ends
		if p.row.Worker != nil {
			p.Worker = Told(*p.row.Worker)
		}
		p.Progress = Told(report.soFar())
	}
	return nil
}

func (i *inquiry) visible(ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	if i.q.Sees != nil {
		var err error
		if ids, err = i.q.Sees(ids); err != nil {
			return nil, fmt.Errorf("look which other tasks may be shown: %w", err)
		}
	}
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

var _ json.Marshaler = Told("")
