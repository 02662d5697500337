package task

import (
	"encoding/json"
	"slices"
	"time"

	"gorm.io/gorm"
)

// QueueState is the line of tasks that wait for a worker.
type QueueState struct {
	// Lane is "short" or "long", Before how many tasks in it have an earlier turn.
	Lane   string `json:"lane"`
	Before int64  `json:"before"`
	// Workers is how many are online; Known tells whether one of them knows the kind: "yes", "no", or "unknown" when none
	// says so and some do not say what they know.
	Workers int    `json:"workers"`
	Known   string `json:"known"`
	// Places is how many tasks the online workers run side by side, Taken how many they do. Long work may have LongPlaces of
	// them, and has LongTaken.
	Places     int64 `json:"places"`
	Taken      int64 `json:"taken"`
	LongPlaces int64 `json:"long_places"`
	LongTaken  int64 `json:"long_taken"`
}

// The words for whether a worker knows a kind.
const (
	knownYes     = "yes"
	knownNo      = "no"
	knownUnclear = "unknown"
)

// fleet are the processes, and what the online workers have in hand.
type fleet struct {
	all     []AppStatus
	workers []AppStatus
	QueueState
}

// readFleet tells of the workers that are online, by the clock of the database.
func readFleet(read *gorm.DB, now time.Time) (fleet, error) {
	var f fleet
	if err := read.Order("name").Find(&f.all).Error; err != nil {
		return f, err
	}
	for n := range f.all {
		if a := &f.all[n]; a.AppType == "worker" && a.Online(now) {
			f.workers = append(f.workers, *a)
			f.Places += a.Concurrency
			f.LongPlaces += a.longPlaces()
		}
	}
	f.Workers = len(f.workers)
	var taken []struct {
		Worker string
		Lane   Lane
		N      int64
	}
	err := read.Raw(`SELECT worker, lane, count(*) AS n FROM core_tasks WHERE state IN ('running', 'canceling') GROUP BY worker, lane`).Scan(&taken).Error
	names := f.names()
	for _, t := range taken {
		if !slices.Contains(names, t.Worker) {
			continue // in the process of an API, or of a worker that is gone
		}
		f.Taken += t.N
		if t.Lane == LongLane {
			f.LongTaken += t.N
		}
	}
	return f, err
}

// longPlaces is how many of the places of a worker long work may have. One that does not tell what it keeps free of it is
// taken to keep a quarter, one at least where there are two.
func (a *AppStatus) longPlaces() int64 {
	switch {
	case a.ShortPlaces != nil:
		return max(a.Concurrency-*a.ShortPlaces, 0)
	case a.Concurrency < 2:
		return a.Concurrency
	}
	return a.Concurrency - max(1, a.Concurrency/4)
}

// queue tells of the line in which a ready task stands.
func (i *inquiry) queue(row *Row) (*QueueState, error) {
	q := i.fleet.QueueState
	q.Lane, q.Known = "short", i.fleet.knows(row.Name)
	if row.Lane == LongLane {
		q.Lane = "long"
	}
	err := i.read.Raw(`SELECT count(*) FROM core_tasks WHERE `+beforeInLane, row.Lane, *row.Turn, row.Seq).Scan(&q.Before).Error
	return &q, err
}

// beforeInLane holds for tasks that workers take before the one of that lane, turn and number.
const beforeInLane = "state = 'waiting' AND turn IS NOT NULL AND lane = ? AND (turn, seq) < (?, ?)"

// knows tells whether an online worker knows a kind.
func (f *fleet) knows(kind string) string {
	answer := knownNo
	for n := range f.workers {
		var kinds []string
		if len(f.workers[n].Kinds) == 0 || json.Unmarshal(f.workers[n].Kinds, &kinds) != nil {
			answer = knownUnclear
		} else if slices.Contains(kinds, kind) {
			return knownYes
		}
	}
	return answer
}

// free tells whether a place is left for a task of the lane.
func (q *QueueState) free() bool {
	if q.Lane == "long" && q.LongTaken >= q.LongPlaces {
		return false
	}
	return q.Taken < q.Places
}

// places is how many tasks of the lane run side by side at most.
func (q *QueueState) places() int64 {
	if q.Lane == "long" {
		return q.LongPlaces
	}
	return q.Places
}

// names are those of the workers that are online.
func (f *fleet) names() []string {
	var names []string
	for n := range f.workers {
		names = append(names, f.workers[n].Name)
	}
	return names
}

// process finds a process by its name.
func (f *fleet) process(name string) *AppStatus {
	for n := range f.all {
		if f.all[n].Name == name {
			return &f.all[n]
		}
	}
	return nil
}
