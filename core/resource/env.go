package resource

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
)

// Env is what the running process lends to its resources.
type Env struct {
	DB        *db.DB
	Artifacts *artifact.Store
	// Remotes makes the clients that fetch from upstreams.
	Remotes  *remote.Remotes
	Versions *repository.Committer
	Tasks    task.Dispatcher
	Cancel   task.Canceler
	Decider  *auth.Decider
	// Audit records who does what; nil records nothing.
	Audit *audit.Log
	// Declared gathers what resources declare about access while they are mounted.
	Declared *auth.Declared
	Registry *Registry
	Names    Names
	Log      *slog.Logger
	// Users are the users; nil where nobody logs in.
	Users *auth.Users
	// Tokens are the API tokens; nil where nobody logs in.
	Tokens *auth.Tokens
	// Box seals the secrets of rows; without one they are refused.
	Box *secret.Box
	// Storages opens the storages of domains.
	Storages *domain.Opener
	// ImportPaths are the folders that file:// URLs may lead into.
	ImportPaths []string
	// OrphanProtection is how long content that is in no repository is kept where a clean-up does not say: the setting
	// orphan_protection_time.
	OrphanProtection time.Duration
	// UploadProtection, TaskProtection and TmpfileProtection are how long unfinished uploads, finished tasks and temporary
	// files are kept, by the settings of these names; 0 is for ever.
	UploadProtection, TaskProtection, TmpfileProtection time.Duration
	// Kinds are all kinds of tasks, by name.
	Kinds map[string]task.Handler
	// TaskLimit is how many tasks a cap lets run side by side, for task.Explain; nil knows none.
	TaskLimit func(cap string) int
	// SigningKey signs the addresses of what was recorded of tasks; nil where there is none.
	SigningKey []byte
	// Diagnostics are what requests may have recorded of their tasks: the setting task_diagnostics.
	Diagnostics []string
	// PageSize is the length of a list where the client names none.
	PageSize int
	// MaxBody is the largest body in bytes, files apart.
	MaxBody int64

	after     map[string]repository.AfterVersion
	workers   map[string]worker
	hrefNames map[string]string
	sealed    []secret.Column
}

// worker is a resource as the general tasks see it.
type worker interface {
	createInTask(ctx context.Context, run *task.Run, body Body) (any, error)
	updateInTask(w *Work, id string, body Body, how mode) (any, error)
	deleteInTask(w *Work, id string) error
	wireForm(ctx context.Context, id string) ([]byte, error)
	born(tx *db.Tx, id string, userID *int64) error
}

func (e *Env) declared() *auth.Declared {
	if e.Declared == nil {
		e.Declared = auth.NewDeclared()
	}
	return e.Declared
}

func (e *Env) offerTasks(path string, w worker) {
	if e.workers == nil {
		e.workers = map[string]worker{}
	}
	e.workers[path] = w
}

// Shown is the wire form of an object of a resource, for the result of a task.
func (e *Env) Shown(ctx context.Context, path, id string) (json.RawMessage, error) {
	w, err := e.worker(path)
	if err != nil {
		return nil, err
	}
	return w.wireForm(ctx, id)
}

// OnVersion says what happens after a new version in repositories of a kind; nil is nothing.
func (e *Env) OnVersion(kindPath string, then repository.AfterVersion) {
	if e.after == nil {
		e.after = map[string]repository.AfterVersion{}
	}
	e.after[kindPath] = then
}

// AfterVersion is what happens after a new version in repositories of a kind; may be nil.
func (e *Env) AfterVersion(kindPath string) repository.AfterVersion { return e.after[kindPath] }

// nameHref notes the OpenAPI parameter of a resource, which its nested resources share.
func (e *Env) nameHref(path, name string) {
	if e.hrefNames == nil {
		e.hrefNames = map[string]string{}
	}
	e.hrefNames[path] = name
}
