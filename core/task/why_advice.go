package task

// advise says what an operator can do; empty when there is nothing to do.
func (e *Explanation) advise() string {
	if e.Standing == Ended {
		return ""
	}
	if e.fleet.Workers == 0 && e.Standing != Begun {
		return "What to do: start a worker, with packhouse worker or packhouse serve."
	}
	switch e.Standing {
	case Blocked:
		return e.adviseBlocked()
	case Capped:
		return adviseCap
	case Queued:
		return adviseQueue(e.Queue)
	case Begun, Stopping:
		return adviseRun(e.Run, e.Standing, "")
	}
	return ""
}

// adviseCap is for a task that a cap keeps back.
const adviseCap = "What to do: wait, cancel a task that has a place under the cap, or raise the cap."

func (e *Explanation) adviseBlocked() string {
	last := e.Chain[len(e.Chain)-1]
	switch {
	case last.hidden():
		return "What to do: wait, or ask an administrator, whom packhouse task why tells more."
	case e.Root == nil:
		return "What to do: wait, or look at the last task of the chain with packhouse task why " + last.row.ID + "."
	case e.Root.Queue != nil:
		return adviseQueue(e.Root.Queue)
	case e.Root.Run != nil:
		return adviseRun(e.Root.Run, last.Standing, last.row.ID)
	}
	return adviseCap
}

func adviseQueue(q *QueueState) string {
	switch {
	case q.Known == knownNo:
		return "What to do: enable the plugin of that kind on a worker, or cancel the task."
	case q.Places > 0 && !q.free():
		return "What to do: wait, start another worker, or raise worker.concurrency."
	}
	return "What to do: wait a moment; workers look every second."
}

// adviseRun is for a running task: the one that is explained, or the blocker of that identity.
func adviseRun(r *RunState, as Standing, blocker string) string {
	switch {
	case !r.Online:
		return "What to do: keep a worker online; workers give up the tasks of processes that are gone."
	case as == Stopping:
		return "What to do: wait for the cancel."
	case blocker != "":
		return "What to do: wait, or cancel that task with packhouse task cancel " + blocker + "."
	}
	return ""
}
