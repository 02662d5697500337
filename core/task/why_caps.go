package task

import (
	"strings"
)

// CapUse is how full a cap is.
type CapUse struct {
	// Cap is its name; of a group of users only the word "group" where the asker does not see everything.
	Cap string `json:"cap"`
	// Limit is 0 when it is not known. Taken is how many tasks have a place, Before how many others wait for one and came
	// earlier.
	Limit  int   `json:"limit"`
	Taken  int64 `json:"taken"`
	Before int64 `json:"before"`
	Full   bool  `json:"full"`
	// Tasks are some that have a place.
	Tasks []*Party `json:"tasks"`

	name string
}

const groupOfUsers = "group:"

// caps tells of the caps that count a task.
func (i *inquiry) caps(row *Row) ([]CapUse, error) {
	var mine []Cap
	if err := i.read.Raw("SELECT cap, task_seq, stage FROM core_task_caps WHERE task_seq = ? ORDER BY cap", row.Seq).Scan(&mine).Error; err != nil {
		return nil, err
	}
	out := []CapUse{}
	for _, c := range mine {
		use, err := i.capUse(c.Cap, row)
		if err != nil {
			return nil, err
		}
		out = append(out, *use)
	}
	return out, nil
}

func (i *inquiry) capUse(name string, row *Row) (*CapUse, error) {
	use := &CapUse{Cap: name, name: name}
	if i.q.Sees != nil && strings.HasPrefix(name, groupOfUsers) {
		use.Cap = strings.TrimSuffix(groupOfUsers, ":")
	}
	var err error
	if use.Limit, err = i.limit(name, row); err != nil {
		return nil, err
	}
	err = i.read.Raw("SELECT count(*) FROM core_task_caps WHERE cap = ? AND stage = ?", name, Admitted).Scan(&use.Taken).Error
	if err == nil {
		err = i.read.Raw("SELECT count(*) FROM core_task_caps WHERE cap = ? AND stage = ? AND task_seq < ?", name, Parked, row.Seq).Scan(&use.Before).Error
	}
	if err != nil {
		return nil, err
	}
	use.Full = use.Limit > 0 && use.Taken >= int64(use.Limit)
	var seqs []int64
	err = i.read.Raw("SELECT task_seq FROM core_task_caps WHERE cap = ? AND stage = ? ORDER BY task_seq LIMIT ?", name, Admitted, mostHolders).Scan(&seqs).Error
	use.Tasks = []*Party{}
	for _, seq := range seqs {
		use.Tasks = append(use.Tasks, i.meet(seq))
	}
	return use, err
}

// limit is how many tasks a cap lets run side by side; 0 when it is not known.
func (i *inquiry) limit(name string, row *Row) (int, error) {
	if strings.HasPrefix(name, "task-group:") && row.TaskGroupID != nil {
		var atMost int
		err := i.read.Raw("SELECT at_most FROM core_task_groups WHERE id = ?", *row.TaskGroupID).Scan(&atMost).Error
		return atMost, err
	}
	if i.q.Limit == nil {
		return 0, nil
	}
	return i.q.Limit(name), nil
}

// full are the caps that keep a task back; all of them where no limit is known.
func full(caps []CapUse) []CapUse {
	var out []CapUse
	for _, c := range caps {
		if c.Full {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return caps
	}
	return out
}
