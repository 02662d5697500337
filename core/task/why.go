package task

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// Question says who asks why, and what is known beside the rows. The zero Question is an operator who sees everything.
type Question struct {
	// Sees gives those of these tasks that the asker may see; nil is all. The others are told as "another task": without
	// identity, kind, worker, progress and the resources that they wait for in turn.
	Sees func(ids []string) ([]string, error)
	// Limit is how many tasks a cap lets run side by side, 0 where that is not known; nil knows none. The limit of a task
	// group is in its row.
	Limit func(cap string) int
	// ByREST words the advice for somebody who has the REST API alone; otherwise it names commands.
	ByREST bool
}

// Standing is where a task stands, more exactly than its state.
type Standing string

// The standings.
const (
	Blocked    Standing = "blocked"    // waits for resources
	Unexamined Standing = "unexamined" // its resources are free, which nobody has noticed yet
	Capped     Standing = "capped"     // its resources are free, a cap is full
	Queued     Standing = "ready"      // waits for a worker
	Begun      Standing = "running"
	Stopping   Standing = "canceling"
	Ended      Standing = "ended"
)

// Standings are all of them.
func Standings() []Standing {
	return []Standing{Blocked, Unexamined, Capped, Queued, Begun, Stopping, Ended}
}

// Explanation says why a task is where it is.
type Explanation struct {
	// Task is the PRN.
	Task     string   `json:"task"`
	Kind     string   `json:"kind"`
	State    State    `json:"state"`
	Standing Standing `json:"standing"`
	// Since is when it came to stand there.
	Since time.Time `json:"since"`
	// LikelyStart is nil when there is nothing to tell it from, and once the task has begun.
	LikelyStart *time.Time `json:"likely_start"`
	// WaitsFor are resources that are not free, FurtherResources how many more there are.
	WaitsFor         []Awaited `json:"waits_for"`
	FurtherResources int       `json:"further_resources"`
	// Chain leads from what the task waits for to a task that waits for no other one. Root says more about that one; nil
	// where it may not be seen.
	Chain []Link  `json:"chain"`
	Root  *Detail `json:"root"`
	Detail
	// End is how it ended; nil before.
	End *Ending `json:"end"`
	// Advice is what an operator can do; empty when there is nothing to do. Summary says all this in a paragraph for people
	// and ends with the advice.
	Advice  string `json:"advice"`
	Summary string `json:"summary"`

	fleet  fleet
	now    time.Time
	byREST bool
}

// Detail is what there is to say about a task that waits for no other one.
type Detail struct {
	// Caps are the caps of a task that at least one of them keeps back.
	Caps []CapUse `json:"caps"`
	// Queue is told of a task that waits for a worker.
	Queue *QueueState `json:"queue"`
	// Run is told of a task that runs.
	Run *RunState `json:"run"`
}

// Explain says why a task does not start, does not end, or has ended. It reads rows only, a bounded number of them. It is
// errs.NotFound when there is no such task.
func Explain(ctx context.Context, d *db.DB, id string, q Question) (*Explanation, error) {
	i := &inquiry{read: d.Read(ctx), q: q, parties: map[int64]*Party{}}
	e, err := i.explain(d.Dialect(), id)
	if err != nil {
		return nil, fmt.Errorf("explain the task %s: %w", id, err)
	}
	e.Advice = e.advise()
	e.Summary = e.summarize()
	return e, nil
}
