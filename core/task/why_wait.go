package task

// How much an explanation tells at most.
const (
	mostResources = 20 // that are not free
	mostHolders   = 3  // of one resource, or of one cap
	mostLinks     = 20 // of the chain
)

// Awaited is one resource that a task waits for.
type Awaited struct {
	Resource string `json:"resource"`
	Mode     string `json:"mode"`
	// Holders is how many hold it in a way that excludes the task, Before how many stand before the task in its line. Tasks
	// are the first holders, then the first in line.
	Holders int64           `json:"holders"`
	Before  int64           `json:"before"`
	Tasks   []Participation `json:"tasks"`

	exclusive bool
}

// Participation is a task that holds a resource, or stands before another in its line.
type Participation struct {
	*Party
	Mode  string `json:"mode"`
	Holds bool   `json:"holds"`
}

// Link is one step of the chain: a task, and the resource for which the step before waits for it. Resource is empty where
// the asker may not see the task that waits for it.
type Link struct {
	*Party
	Resource Told   `json:"resource"`
	Mode     string `json:"mode"`
	Holds    bool   `json:"holds"`
}

// Blocking is SQL that holds for a lock m that may not be had: somebody holds it, or stands before m in its line, in a way
// that excludes m. Each part finds its rows by an index of its own, however many unrelated tasks share a resource (all
// share their domain).
const Blocking = `(m.exclusive AND EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.task_seq < m.task_seq)
	OR m.exclusive AND EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.held AND o.task_seq <> m.task_seq)
	OR EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.exclusive AND o.task_seq < m.task_seq)
	OR EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.held AND o.exclusive AND o.task_seq <> m.task_seq))`

// waits gives the resources that the task may not have yet.
func (i *inquiry) waits(seq int64) ([]Awaited, error) {
	return i.waitsAtMost(seq, -1)
}

// waitsAtMost is waits with a limit; below 0 there is none.
func (i *inquiry) waitsAtMost(seq int64, limit int) ([]Awaited, error) {
	query, args := "SELECT m.resource, m.exclusive FROM core_task_locks m WHERE m.task_seq = ? AND "+Blocking+" ORDER BY m.resource", []any{seq}
	if limit >= 0 {
		query, args = query+" LIMIT ?", append(args, limit)
	}
	var locks []Lock
	if err := i.read.Raw(query, args...).Scan(&locks).Error; err != nil {
		return nil, err
	}
	var out []Awaited
	for _, l := range locks {
		out = append(out, Awaited{Resource: l.Resource, Mode: l.mode(), exclusive: l.Exclusive})
	}
	return out, nil
}

// mode is the word for how a resource is wanted.
func (l Lock) mode() string {
	if l.Exclusive {
		return "exclusive"
	}
	return "shared"
}

// fill adds who holds each resource and who stands before the task.
func (i *inquiry) fill(seq int64, waits []Awaited) error {
	for n := range waits {
		w := &waits[n]
		for count, what := range map[*int64]string{&w.Holders: heldByOthers, &w.Before: waitingBefore} {
			err := i.read.Raw("SELECT count(*) FROM core_task_locks WHERE "+w.conflicting(what), w.Resource, seq).Scan(count).Error
			if err != nil {
				return err
			}
		}
		locks, err := i.ahead(*w, seq, mostHolders)
		if err != nil {
			return err
		}
		for _, l := range locks {
			w.Tasks = append(w.Tasks, Participation{Party: i.meet(l.TaskSeq), Mode: l.mode(), Holds: l.Held})
		}
	}
	return nil
}

// Conditions on the locks of a resource, the first parameter; the second is the number of the task that waits.
const (
	heldByOthers  = "resource = ? AND task_seq <> ? AND held"
	waitingBefore = "resource = ? AND task_seq < ? AND NOT held"
)

// conflicting narrows a condition to locks that exclude the one that is waited for.
func (w *Awaited) conflicting(what string) string {
	if w.exclusive {
		return what
	}
	return what + " AND exclusive"
}

// ahead gives the first holders of a resource and the first in line before the task.
func (i *inquiry) ahead(w Awaited, seq int64, holders int) ([]Lock, error) {
	var held, first []Lock
	const columns = "SELECT resource, task_seq, exclusive, held FROM core_task_locks WHERE "
	err := i.read.Raw(columns+w.conflicting(heldByOthers)+" ORDER BY task_seq LIMIT ?", w.Resource, seq, holders).Scan(&held).Error
	if err == nil {
		err = i.read.Raw(columns+w.conflicting(waitingBefore)+" ORDER BY task_seq LIMIT 1", w.Resource, seq).Scan(&first).Error
	}
	return append(held, first...), err
}

// chain follows what is waited for to a task that waits for no other: the first in line waits in turn, a holder does not.
// The number of whom is waited for gets lower with each step, so that it ends.
func (i *inquiry) chain(waits []Awaited) ([]Link, error) {
	var links []Link
	next := decisive(waits)
	for next != nil && len(next.Tasks) > 0 {
		p := next.Tasks[0]
		links = append(links, Link{Party: p.Party, Resource: Told(next.Resource), Mode: p.Mode, Holds: p.Holds})
		if p.Holds || len(links) == mostLinks {
			break
		}
		following, err := i.waitsAtMost(p.row.Seq, 1)
		if err == nil {
			err = i.fill(p.row.Seq, following)
		}
		if err != nil {
			return nil, err
		}
		next = decisive(following)
	}
	return links, nil
}

// decisive picks the resource to follow: one that nobody holds, whose first in line waits for something else, tells most.
func decisive(waits []Awaited) *Awaited {
	for n := range waits {
		if waits[n].Holders == 0 && len(waits[n].Tasks) > 0 {
			return &waits[n]
		}
	}
	if len(waits) == 0 {
		return nil
	}
	return &waits[0]
}

// concealResources leaves out what a task waits for that the asker may not see.
func concealResources(links []Link) {
	for n := 1; n < len(links); n++ {
		if links[n-1].hidden() {
			links[n].Resource = ""
		}
	}
}
