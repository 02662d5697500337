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
	// SentAt is when the queue was last told.
	SentAt *time.Time
	// UnblockedAt is when the resources became free: a waiting task with it is ready.
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
func (r *Row) Ready() bool { return r.State == Waiting && r.UnblockedAt != nil }

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
	Versions        model.JSON
	TTLSeconds      int64 `gorm:"column:ttl_seconds"`
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
}

// TableName is the table of the rows.
func (GroupRow) TableName() string { return "core_task_groups" }

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
