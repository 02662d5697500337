package task

import (
	"slices"
	"time"

	"gorm.io/gorm"
)

// How much the estimates read at most.
const (
	recentTasks  = 2000 // that ended last, of all kinds
	recentOfKind = 20
	sampledAhead = 1000 // tasks in a line
)

// paces is how long a task of a kind runs: the median of those that ended last.
type paces map[string]time.Duration

func readPaces(read *gorm.DB) (paces, error) {
	var rows []Row
	err := read.Raw(`SELECT name, state, started_at, finished_at FROM core_tasks WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT ?`, recentTasks).Scan(&rows).Error
	all := map[string][]time.Duration{}
	for n := range rows {
		r := &rows[n]
		if r.StartedAt != nil && (r.State == Completed || r.State == Failed) && len(all[r.Name]) < recentOfKind {
			all[r.Name] = append(all[r.Name], max(0, r.FinishedAt.Sub(*r.StartedAt)))
		}
	}
	out := paces{}
	for kind, took := range all {
		slices.Sort(took)
		out[kind] = took[len(took)/2]
	}
	return out, err
}

// likelyEnd is when a running task is likely to end: as its progress says, else as tasks of its kind do. One that takes
// longer than that says nothing, nor does one whose process is gone.
func (i *inquiry) likelyEnd(row *Row, report *ProgressReport) *time.Time {
	if row.State != Running || row.StartedAt == nil || !i.atWork(row) {
		return nil
	}
	end := row.StartedAt.Add(i.paces[row.Name])
	if report != nil {
		if told := report.EstimatedEnd(); told != nil {
			end = *told
		}
	}
	if !end.After(i.now) || end.Sub(i.now) > longest {
		return nil
	}
	return &end
}

// atWork tells whether the process that runs the task is online.
func (i *inquiry) atWork(row *Row) bool {
	if row.Worker == nil {
		return false
	}
	a := i.fleet.process(*row.Worker)
	return a != nil && a.Online(i.now)
}

// longest is the furthest that an estimate looks ahead.
const longest = 30 * 24 * time.Hour

// ahead is some of the tasks in a line, of one kind.
type ahead struct {
	Name      string
	Exclusive bool
	N         int64
}

// work is how long these tasks run, one after the other, if every kind has a pace. Of a line longer than what was looked
// at, total says how long it is.
func (i *inquiry) work(line []ahead, total int64, of func(ahead) bool) (time.Duration, bool) {
	var sum float64
	var n int64
	for _, a := range line {
		pace, known := i.paces[a.Name]
		if !known {
			return 0, false
		}
		n += a.N
		if of(a) {
			sum += float64(pace) * float64(a.N)
		}
	}
	if n > 0 && total > n {
		sum *= float64(total) / float64(n)
	}
	return time.Duration(min(sum, float64(longest))), true
}

// soon is the moment after a time, unless that is too far away to be told.
func (i *inquiry) soon(after time.Duration) *time.Time {
	if after >= longest {
		return nil
	}
	at := i.now.Add(max(after, 0))
	return &at
}

// afterLines is when all lines in which a task stands are likely to have come to it; nil when one of them says nothing.
func (i *inquiry) afterLines(seq int64, waits []Awaited) (*time.Time, error) {
	if i.fleet.Places == 0 || len(waits) == mostResources {
		return nil, nil
	}
	var longestLine time.Duration
	for n := range waits {
		line, known, err := i.afterLine(seq, &waits[n])
		if err != nil || !known {
			return nil, err
		}
		longestLine = max(longestLine, line)
	}
	return i.soon(longestLine), nil
}

// afterLine is how long the line of one resource is likely to take: until its holders end, then one exclusive task after
// the other, and the shared ones side by side.
func (i *inquiry) afterLine(seq int64, w *Awaited) (time.Duration, bool, error) {
	var rest time.Duration
	for _, p := range w.Tasks {
		if !p.Holds {
			continue
		}
		if p.ends == nil {
			return 0, false, nil
		}
		rest = max(rest, p.ends.Sub(i.now))
	}
	if w.Holders == 0 || w.Holders > mostHolders {
		return 0, false, nil // it depends on other resources, or on too many
	}
	var line []ahead
	err := i.read.Raw(`SELECT t.name, l.exclusive, count(*) AS n FROM (SELECT task_seq, exclusive FROM core_task_locks
		WHERE `+w.conflicting(waitingBefore)+` ORDER BY task_seq LIMIT ?) l JOIN core_tasks t ON t.seq = l.task_seq GROUP BY t.name, l.exclusive`,
		w.Resource, seq, sampledAhead).Scan(&line).Error
	if err != nil {
		return 0, false, err
	}
	alone, known := i.work(line, w.Before, func(a ahead) bool { return a.Exclusive })
	together, _ := i.work(line, w.Before, func(a ahead) bool { return !a.Exclusive })
	return rest + alone + together/time.Duration(i.fleet.Places), known, nil
}

// afterQueue is when a ready task is likely to get a place.
func (i *inquiry) afterQueue(row *Row) (*time.Time, error) {
	q, err := i.queue(row)
	if err != nil || q.places() == 0 || q.Known == knownNo {
		return nil, err
	}
	if q.free() && q.Before == 0 {
		return i.soon(0), nil
	}
	var line []ahead
	err = i.read.Raw(`SELECT name, count(*) AS n FROM (SELECT name FROM core_tasks WHERE `+beforeInLane+` ORDER BY lane, turn, seq LIMIT ?) l GROUP BY name`,
		row.Lane, *row.Turn, row.Seq, sampledAhead).Scan(&line).Error
	if err != nil {
		return nil, err
	}
	waiting, known := i.work(line, q.Before, func(ahead) bool { return true })
	running, told, err := i.running()
	if err != nil || !known || !told {
		return nil, err
	}
	return i.soon((waiting + running) / time.Duration(q.places())), nil
}

// running is how long the tasks that have the places of the workers now still take, put together; told is false when the
// end of one of them cannot be told.
func (i *inquiry) running() (sum time.Duration, told bool, err error) {
	var rows []Row
	err = i.read.Raw("SELECT id, name, state, worker, started_at FROM core_tasks WHERE state IN ('running', 'canceling') AND worker IN ? LIMIT ?", i.fleet.names(), sampledAhead).Scan(&rows).Error
	if err != nil {
		return 0, false, err
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	reports, err := i.reports(ids)
	if err != nil {
		return 0, false, err
	}
	for n := range rows {
		end := i.likelyEnd(&rows[n], reports[rows[n].ID])
		if end == nil {
			return 0, false, nil
		}
		sum += end.Sub(i.now)
	}
	return sum, true, nil
}

// afterCaps is when the caps of a task are likely to have room: when there is one that is full, and it says enough.
func (i *inquiry) afterCaps(seq int64, caps []CapUse) (*time.Time, error) {
	keeping := full(caps)
	if len(keeping) != 1 || !keeping[0].Full || i.fleet.Places == 0 {
		return nil, nil
	}
	c := &keeping[0]
	var line []ahead
	err := i.read.Raw(`SELECT t.name, count(*) AS n FROM (SELECT task_seq FROM core_task_caps WHERE cap = ? AND stage = ? AND task_seq < ?
		ORDER BY task_seq LIMIT ?) c JOIN core_tasks t ON t.seq = c.task_seq GROUP BY t.name`, c.name, Parked, seq, sampledAhead).Scan(&line).Error
	if err != nil {
		return nil, err
	}
	waiting, known := i.work(line, c.Before, func(ahead) bool { return true })
	var first *time.Time
	for _, p := range c.Tasks {
		if p.ends != nil && (first == nil || p.ends.Before(*first)) {
			first = p.ends
		}
	}
	if !known || first == nil {
		return nil, nil
	}
	return i.soon(first.Sub(i.now) + waiting/time.Duration(c.Limit)), nil
}
