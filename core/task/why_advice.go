package task

// advise says what can be done; empty when there is nothing to do.
func (e *Explanation) advise() string {
	todo := e.todo()
	if todo == "" {
		return ""
	}
	return "What to do: " + todo + "."
}

func (e *Explanation) todo() string {
	switch {
	case e.Standing == Ended:
		return ""
	case e.lacksWorkers():
		return e.byWay("start a worker, with packhouse worker or packhouse serve", "have a worker started where the server runs")
	}
	switch e.Standing {
	case Blocked:
		return e.adviseBlocked()
	case Capped:
		return e.adviseCap()
	case Queued:
		return e.adviseQueue(e.Queue)
	case Begun, Stopping:
		return e.adviseRun(e.Run, e.Standing, "")
	}
	return ""
}

// lacksWorkers tells whether nothing can come of the task before a worker is online. One that runs needs none, unless its
// process is gone.
func (e *Explanation) lacksWorkers() bool {
	if e.Standing == Ended || e.fleet.Workers > 0 {
		return false
	}
	return e.Standing != Begun || !e.Run.Online
}

// byWay picks the words by what the asker can do: run commands, or send requests.
func (e *Explanation) byWay(command, request string) string {
	if e.byREST {
		return request
	}
	return command
}

// adviseCap is for a task that a cap keeps back.
func (e *Explanation) adviseCap() string {
	return "wait, cancel a task that has a place under the cap, or " + e.byWay("raise the cap", "have the cap raised")
}

func (e *Explanation) adviseBlocked() string {
	last := e.Chain[len(e.Chain)-1]
	switch {
	case last.hidden():
		return "wait, or ask an administrator, who is told more"
	case e.Root == nil:
		return "wait, or look at the last task of the chain with " + e.byWay("packhouse task why "+last.row.ID, "GET tasks/"+last.row.ID+"/why/")
	case e.Root.Queue != nil:
		return e.adviseQueue(e.Root.Queue)
	case e.Root.Run != nil:
		return e.adviseRun(e.Root.Run, last.Standing, last.row.ID)
	}
	return e.adviseCap()
}

func (e *Explanation) adviseQueue(q *QueueState) string {
	switch {
	case q.Known == knownNo:
		return e.byWay("enable the plugin of that kind on a worker", "have the plugin of that kind enabled on a worker") + ", or cancel the task"
	case q.Places > 0 && !q.free():
		return "wait, " + e.byWay("start another worker, or raise worker.concurrency", "or have another worker started")
	}
	return "wait a moment; workers look every second"
}

// adviseRun is for a running task: the one that is explained, or the blocker of that identity.
func (e *Explanation) adviseRun(r *RunState, as Standing, blocker string) string {
	switch {
	case !r.Online:
		return "wait a moment; workers give up the tasks of processes that are gone"
	case as == Stopping:
		return "wait for the cancel"
	case blocker != "":
		return "wait, or cancel that task with " + e.byWay("packhouse task cancel "+blocker, `PATCH {"state":"canceled"} to tasks/`+blocker+"/")
	}
	return ""
}
