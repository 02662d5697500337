package task

// Dispatching is how a task is to be dispatched: the options put together.
type Dispatching struct {
	// Immediate wants the task to be run in the dispatching process, in the calling goroutine and within seconds, if
	// its resources are free.
	Immediate bool
	// Group is the id of the task group that the task belongs to; empty is none.
	Group string
	// Parent is the id of the task that dispatches; empty takes the one of the Origin.
	Parent string
}

// Option changes how a task is dispatched.
type Option func(*Dispatching)

// Immediate runs the task in the dispatching process when its resources are free, within five seconds, before the
// InTx that dispatches it returns. Otherwise it is a worker's, like any other. It is for work that is quick.
func Immediate() Option { return func(d *Dispatching) { d.Immediate = true } }

// Group puts the task in a task group.
func Group(id string) Option { return func(d *Dispatching) { d.Group = id } }

// Parent names the dispatching task where the context does not tell.
func Parent(id string) Option { return func(d *Dispatching) { d.Parent = id } }

// Options puts options together.
func Options(all ...Option) Dispatching {
	var d Dispatching
	for _, o := range all {
		o(&d)
	}
	return d
}
