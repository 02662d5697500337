package node

import (
	"context"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
	"github.com/packhouse/packhouse/tasks/child"
)

// Child is the mode of a process that runs one task for the process that has started it. It has an entry nowhere, answers
// no requests, and does not know Redis.
const Child Mode = "child"

// RunTask does what the parent of this process has ordered, and gives what the work of the task returned. The Mode of o
// is Child.
func RunTask(ctx context.Context, o Options, order child.Order) (any, error) {
	o.Mode, o.Child = Child, nil
	n, err := New(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := n.close(); err != nil {
			o.Log.Warn("not everything could be closed", "error", err)
		}
	}()
	ctx, ended := n.observer.tracer.Process(ctx, order.Task, order.Trace)
	defer ended() // before its span is sent with the others, at the close
	return n.tasks.RunAsChild(ctx, order.Task, order.Worker, order.Folder)
}

// isolated gives kinds a process of their own that the operator wants to have one. A kind that no enabled plugin has is
// refused: a misspelt one would not be isolated.
func isolated(s config.Settings, handlers []task.Handler) ([]task.Handler, error) {
	out := slices.Clone(handlers)
	for _, kind := range s.Worker.Isolate {
		at := slices.IndexFunc(out, func(h task.Handler) bool { return h.Kind() == kind })
		if at < 0 {
			return nil, &config.Fault{Key: "worker.isolate", Message: "there is no kind of tasks " + kind + "; choose among " + strings.Join(kindsOf(handlers), ", ")}
		}
		out[at] = out[at].With(task.InChild(int64(s.Worker.ChildMemory) << 20))
	}
	return out, nil
}

func kindsOf(handlers []task.Handler) (kinds []string) {
	for _, h := range handlers {
		kinds = append(kinds, h.Kind())
	}
	slices.Sort(kinds)
	return kinds
}

// withChildren says how tasks get a process of their own. A child has none, and no Redis: its parent wakes the workers.
func (n *Node) withChildren(o tasks.Options) tasks.Options {
	if n.o.Mode == Child {
		o.RedisURL = ""
	}
	if n.o.Child != nil {
		n.o.Child.Log = n.o.Log
		o.Child = n.o.Child
	}
	return o
}

var _ tasks.Runner = (*child.Runner)(nil)
