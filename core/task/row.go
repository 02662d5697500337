package task

import (
	"database/sql/driver"
	"encoding/json"
	"time"

	"github.com/packhouse/packhouse/core/model"
)

// State is where a task is (rest-contract §4.1).
type State string

// The states. Skipped is never produced, but clients know it.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Completed State = "completed"
	Failed    State = "failed"
	Canceled  State = "canceled"
	Canceling State = "canceling"
	Skipped   State = "skipped"
)

// States are all states, in the order in which clients list them.
func States() []State {
	return []State{Waiting, Skipped, Running, Completed, Failed, Canceled, Canceling}
}

// Final tells whether nothing happens to a task any more.
func (s State) Final() bool {
	return s == Completed || s == Failed || s == Canceled || s == Skipped
}

// Row is one task, a row of core_tasks.
type Row struct {
	// Seq is the order of dispatch.
	Seq      int64 `gorm:"primaryKey;autoIncrement"`
	ID       string
	DomainID string
	// Name is the kind.
	Name  string
	State State
	// Args are the sealed arguments.
	Args         []byte `json:"-"`
	LoggingCID   string `gorm:"column:logging_cid"`
	CreatedBy    *int64
	ParentTaskID *string
	TaskGroupID  *string
	Immediate    bool
	// Worker is the name of the process that runs or ran the task.
	Worker *string
	// ReservedResources is the record of the locks, see Locks.Record.
	ReservedResources Strings
	Result            model.JSON
	// Error is a Failure or a Reason in JSON; NULL when all went well.
	Error model.JSON
	// Flow is who the task is for, Weight how far it moves that flow's next turn, Lane where it lines up.
	Flow   string
	Weight int64
	Lane   Lane
	// Turn is the place in line of a ready task, the lowest first; nil before.
	Turn *int64
	// Extras tells whether there are rows of caps or references that end with the task.
	Extras bool
	// Trace is the W3C trace context (traceparent) of what dispatched the task; empty is none.
	Trace string
	// Diagnostics is a JSON array of what is to be recorded while the task runs; NULL is nothing.
	Diagnostics model.JSON
	// CancelBy is when a cancel that the work does not heed is forced.
	CancelBy *time.Time
	// CanceledBy names who asked for the cancel of a running task; nil while nobody has, or nobody knows.
	CanceledBy *string
	// SentAt is when the task became ready to be claimed.
	SentAt *time.Time
	// UnblockedAt is when the resources became free. What keeps a waiting task with it from starting is a cap.
	UnblockedAt     *time.Time
	StartedAt       *time.Time
	FinishedAt      *time.Time
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// TableName is the table of the rows.
func (Row) TableName() string { return "core_tasks" }

// Final tells whether nothing happens to the task any more.
func (r *Row) Final() bool { return r.State.Final() }

// Ready tells whether the task may start.
func (r *Row) Ready() bool { return r.State == Waiting && r.Turn != nil }

// SameClaim tells whether two readings of a task are of one claim: by the same process, at the same moment. A process may
// claim a task again that was taken from it.
func (r *Row) SameClaim(other *Row) bool {
	if r.Worker == nil || other.Worker == nil || *r.Worker != *other.Worker {
		return false
	}
	if r.StartedAt == nil || other.StartedAt == nil {
		return r.StartedAt == other.StartedAt
	}
	return r.StartedAt.Equal(*other.StartedAt)
}

// Lane is one of the two lines in which ready tasks stand, a column of core_tasks.
type Lane int64

// The lanes. A worker keeps some of its places free of long work.
const (
	ShortLane Lane = 0
	LongLane  Lane = 1
)

// Lock is one reserved resource of an unfinished task, a row of core_task_locks.
type Lock struct {
	Resource  string
	TaskSeq   int64
	Exclusive bool
	// Held is set once the task is ready.
	Held bool
}

// TableName is the table of the rows.
func (Lock) TableName() string { return "core_task_locks" }

// Cap is one counted place that an unfinished task needs, a row of core_task_caps. The names of caps begin with "user:",
// "group:" (of users), "kind:" or "task-group:".
type Cap struct {
	Cap     string
	TaskSeq int64
	Stage   Stage
}

// TableName is the table of the rows.
func (Cap) TableName() string { return "core_task_caps" }

// Stage is how far a task has come with a cap.
type Stage int64

// The stages.
const (
	Unready  Stage = 0 // its resources are not free
	Parked   Stage = 1 // its resources are free, some cap is full
	Admitted Stage = 2 // it has a place
)

// CreatedResource is one object that a task made, a row of core_created_resources. Their order is the order of id.
type CreatedResource struct {
	ID     int64 `gorm:"primaryKey;autoIncrement"`
	TaskID string
	// Model is the label of the object's PRN, such as "file.filerepository".
	Model    string
	ObjectID string
	// Path is the object's href below API root and domain.
	Path string
}

// TableName is the table of the rows.
func (CreatedResource) TableName() string { return "core_created_resources" }

// AppStatus is one running process, a row of core_app_statuses.
type AppStatus struct {
	ID string `gorm:"primaryKey"`
	// Name is unique per process start.
	Name string
	// AppType is "api", "content" or "worker".
	AppType string
	// Versions is an object of component label → version.
	Versions   model.JSON
	TTLSeconds int64 `gorm:"column:ttl_seconds"`
	// Concurrency is how many tasks a worker runs side by side; 0 for other processes.
	Concurrency int64
	// ShortPlaces is how many of the places of a worker long work never takes; nil where that was not told.
	ShortPlaces *int64
	// Kinds is a JSON array of the kinds of tasks that the process knows; NULL where that was not told.
	Kinds           model.JSON
	LastHeartbeat   time.Time
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// TableName is the table of the rows.
func (AppStatus) TableName() string { return "core_app_statuses" }

// Online tells whether the process has given a sign of life within its time; now is the database's clock.
func (a *AppStatus) Online(now time.Time) bool {
	return !a.LastHeartbeat.Add(time.Duration(a.TTLSeconds) * time.Second).Before(now)
}

// GroupRow is a task group, a row of core_task_groups.
type GroupRow struct {
	model.Base
	Description        string
	AllTasksDispatched bool
	// AtMost is how many tasks of the group run side by side; 0 is no limit.
	AtMost int64
	// Canceled says that tasks dispatched into the group from now on are canceled at once.
	Canceled bool
}

// TableName is the table of the rows.
func (GroupRow) TableName() string { return "core_task_groups" }

// ScheduleRow says when a task is dispatched again and again, a row of core_task_schedules.
type ScheduleRow struct {
	model.Base
	// Name is unique over all domains.
	Name string
	// Origin is the label of the app that declares the schedule; empty is an operator.
	Origin string
	// TaskName is the kind, Args are the sealed arguments.
	TaskName string
	Args     []byte `json:"-"`
	// Cron is five fields in TimeZone; empty goes by DispatchInterval, in microseconds; neither is once.
	Cron             string
	TimeZone         string
	DispatchInterval *int64
	// NextDispatch is nil when nothing more is to come.
	NextDispatch *time.Time
	LastTaskID   *string
	// Missed is how many firings passed while nobody was there to see them.
	Missed int64
}

// TableName is the table of the rows.
func (ScheduleRow) TableName() string { return "core_task_schedules" }

// LogLine is one thing that a task said, a row of core_task_logs. Their order is the order of id.
type LogLine struct {
	ID     int64 `gorm:"primaryKey;autoIncrement"`
	TaskID string
	At     time.Time
	// Level is "DEBUG", "INFO", "WARN" or "ERROR".
	Level   string
	Message string
	// Attributes is a JSON object; NULL is none.
	Attributes model.JSON
}

// TableName is the table of the rows.
func (LogLine) TableName() string { return "core_task_logs" }

// Strings is a column that holds a JSON array of text, never NULL.
type Strings []string

// Value stores the array.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		return "[]", nil
	}
	text, err := json.Marshal([]string(s))
	return string(text), err
}

// Scan reads the array.
func (s *Strings) Scan(from any) error {
	var raw model.JSON
	if err := raw.Scan(from); err != nil {
		return err
	}
	*s = nil
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(s))
}

var _ driver.Valuer = Strings(nil)
