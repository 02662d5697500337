// Package child runs the work of a task in a process of its own: the same program, started with a command that people
// do not see.
//
// The parent is the process that has claimed the task. It writes an Order to the child's standard input and keeps that
// open: its end tells the child that the parent is gone, a second message that the work is to be canceled. Signals
// would not do for that: a service manager sends them to all processes of a service at once, while the parent still
// gives its tasks time to finish. The child writes one answer to the descriptor answerFile and ends. What it logs comes
// as lines of JSON on its standard error and goes into the parent's log. Messages are frames: the length in four bytes,
// the highest first, and as many bytes of JSON.
//
// The child has no entry in the list of processes and does not know Redis. It works in the name of its parent, so
// whatever makes the parent lose the task keeps the child from changing anything.
package child

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// answerFile is the descriptor of the child that the answer is written to. Standard output would not do: whatever
// prints would break the answer.
const answerFile = 3

// asChild is the variable that tells a process that it is a child.
const asChild = "RUN_TASK_AS_CHILD"

// Order says what the child has to do.
type Order struct {
	// Task is the id of the task, Worker the name of the process that has claimed it.
	Task   string `json:"task"`
	Worker string `json:"worker"`
	// Folder is where the working directory of the task is made.
	Folder string `json:"folder"`
	// Trace is the traceparent (W3C Trace Context) of what the parent does; empty where that is not traced.
	Trace string `json:"trace,omitempty"`
	// Settings are what the command of the child makes of them: how the parent was told its settings, as far as the
	// environment does not tell. They may hold secrets.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// stop is the message that the work is to be canceled.
type stop struct{}

// answer is what became of it: a result, or a fault.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Fault  *fault          `json:"fault,omitempty"`
}

// answerOf is the answer for what the work returned.
func answerOf(result any, err error) answer {
	if err == nil {
		var text model.JSON
		if text, err = task.ResultOf(result); err == nil {
			return answer{Result: json.RawMessage(text)}
		}
	}
	return answer{Fault: faultOf(err)}
}
