package task

import (
	"fmt"
	"strings"
	"time"
)

// summarize says in a paragraph where the task stands, and ends with what can be done.
func (e *Explanation) summarize() string {
	var say sentences
	switch e.Standing {
	case Blocked:
		e.sayBlocked(&say)
	case Unexamined:
		say.add("The resources of the task are free; the next sweep of a worker, within seconds, makes it ready.")
	case Capped:
		say.add("The resources of the task have been free since %s, but a cap keeps it back.", e.ago(e.Since))
		e.sayCaps(&say, e.Caps)
	case Queued:
		say.add("The task has been ready since %s and waits for a worker.", e.ago(e.Since))
		sayQueue(&say, e.Queue, e.Kind)
	case Begun, Stopping:
		e.sayRun(&say, "The task", e.Run, e.Since)
	case Ended:
		e.sayEnd(&say)
	}
	if e.lacksWorkers() {
		say.add("No worker is online.")
	}
	if e.LikelyStart != nil {
		say.add("This task is likely to start %s.", e.in(*e.LikelyStart))
	}
	if e.Advice != "" {
		say.add("%s", e.Advice)
	}
	return visible(say.String())
}

// sentences join to a paragraph.
type sentences struct{ strings.Builder }

func (s *sentences) add(format string, args ...any) {
	if s.Len() > 0 {
		s.WriteByte(' ')
	}
	fmt.Fprintf(&s.Builder, format, args...)
}

// ago is a moment since which something holds, and for how long that has been.
func (e *Explanation) ago(at time.Time) string {
	return clockTime(at) + " UTC (" + e.past(at) + ")"
}

func clockTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") }

// past is how long ago a moment was, not finer than anybody wants to know it; clocks of processes may be ahead of the database's.
func (e *Explanation) past(at time.Time) string { return Span(e.now.Sub(at).Round(time.Second)) }

// in is a moment to come.
func (e *Explanation) in(at time.Time) string {
	if left := at.Sub(e.now); left > time.Second {
		return "in about " + roughly(left)
	}
	return "at once"
}

// spoken are the resources of which a summary tells; the others are in the structure.
const spoken = 3

func (e *Explanation) sayBlocked(say *sentences) {
	all := len(e.WaitsFor) + e.FurtherResources
	say.add("The task has waited since %s for %s.", e.ago(e.Since), counted(int64(all), "resource that is not free", "resources that are not free"))
	for n := range e.WaitsFor[:min(spoken, len(e.WaitsFor))] {
		e.sayAwaited(say, &e.WaitsFor[n])
	}
	if len(e.Chain) > 1 {
		e.sayChain(say)
	}
	if e.Root == nil {
		return
	}
	last := e.Chain[len(e.Chain)-1]
	if e.Root.Run != nil {
		e.sayRun(say, sentence(last.name()), e.Root.Run, last.Since)
	}
	if e.Root.Queue != nil {
		sayQueue(say, e.Root.Queue, string(last.Kind))
	}
	e.sayCaps(say, e.Root.Caps)
}

// sayAwaited tells who holds a resource and who stands before the task.
func (e *Explanation) sayAwaited(say *sentences, w *Awaited) {
	var parts []string
	for n := range w.Tasks {
		p := &w.Tasks[n]
		verb := "first in its line is "
		if p.Holds {
			verb = "held by "
		}
		parts = append(parts, verb+p.name()+", which "+p.does())
	}
	if more := w.Holders - mostHolders; more > 0 {
		parts = append(parts, "held by "+grouped(more)+" more")
	}
	if w.Before > 0 {
		parts = append(parts, counted(w.Before, "task stands", "tasks stand")+" before it in the line")
	}
	say.add("%s (wanted %s): %s.", w.Resource, w.Mode, strings.Join(parts, "; "))
}

// sayChain tells who waits for whom.
func (e *Explanation) sayChain(say *sentences) {
	var steps []string
	for _, l := range e.Chain {
		steps = append(steps, l.name())
	}
	last := e.Chain[len(e.Chain)-1]
	say.add("It waits for %s, which %s.", strings.Join(steps, ", which waits for "), last.does())
}

// name is what a task is called: by its identity, where it may be seen.
func (p *Party) name() string {
	if p.hidden() {
		return "another task"
	}
	return "the task " + p.row.ID + " (" + string(p.Kind) + ")"
}

// does is what a task does, after "which".
func (p *Party) does() string {
	switch p.Standing {
	case Blocked, Unexamined:
		return "waits for resources itself"
	case Capped:
		return "a cap keeps back"
	case Queued:
		return "waits for a worker"
	case Stopping:
		return "is being canceled"
	case Begun:
		text := "has been running since " + p.Since.UTC().Format("15:04:05") + " UTC"
		if p.Progress != "" {
			text += " (" + string(p.Progress) + ")"
		}
		return text
	}
	return "has just ended"
}

func (e *Explanation) sayCaps(say *sentences, caps []CapUse) {
	for _, c := range full(caps) {
		waiting := counted(c.Before, "other waits", "others wait")
		if c.Limit > 0 {
			say.add("The cap %s lets %s run at a time: %s, and %s before it.", c.Cap, counted(int64(c.Limit), "task", "tasks"), amount(c.Taken, "does", "do"), waiting)
			continue
		}
		say.add("Under the cap %s, %s and %s before it.", c.Cap, counted(c.Taken, "task runs", "tasks run"), waiting)
		say.add("%s", e.byWay("These settings set no limit for that cap; give the --config of the server.", "The settings of this server set no limit for that cap; those of the workers do."))
	}
}

func sayQueue(say *sentences, q *QueueState, kind string) {
	say.add("%s before it in the lane of %s work.", sentence(counted(q.Before, "task stands", "tasks stand")), q.Lane)
	switch {
	case q.Workers == 0: // said for all
	case q.Known == knownNo && q.Workers == 1:
		say.add("The only online worker does not know %s.", kindName(kind))
	case q.Known == knownNo:
		say.add("None of the %s online workers knows %s.", grouped(int64(q.Workers)), kindName(kind))
	case q.Places > 0:
		say.add("%s %s at a time, long work %d of these places; %s taken, %d by long work.", sentence(counted(int64(q.Workers), "online worker runs", "online workers run")),
			counted(q.Places, "task", "tasks"), q.LongPlaces, amount(q.Taken, "is", "are"), q.LongTaken)
	}
}

func kindName(kind string) string {
	if kind == "" {
		return "its kind"
	}
	return "the kind " + kind
}

func (e *Explanation) sayRun(say *sentences, who string, r *RunState, since time.Time) {
	where := "a process that is not told"
	if r.Worker != "" {
		where = r.Worker
	}
	say.add("%s has been running on %s since %s.", who, where, e.ago(since))
	switch {
	case r.LastBeat == nil:
		say.add("That process is not known any more.")
	case !r.Online:
		say.add("That process gave its last sign of life %s ago, which is too long.", e.past(*r.LastBeat))
	default:
		say.add("That process gave its last sign of life %s ago.", e.past(*r.LastBeat))
	}
	if r.Progress != "" {
		say.add("Its progress: %s.", r.Progress)
	}
	if r.LastLine != nil {
		say.add("The last line of its log, %s ago: %s.", e.past(r.LastLine.At), strings.TrimRight(r.LastLine.Message, "."))
	}
	switch {
	case r.CancelBy != nil && r.CancelBy.After(e.now):
		say.add("It is being canceled; the cancel is forced %s.", e.in(*r.CancelBy))
	case r.CancelBy != nil:
		say.add("It is being canceled, by force from now on.")
	case r.LikelyEnd != nil:
		say.add("It is likely to end %s.", e.in(*r.LikelyEnd))
	}
}

func (e *Explanation) sayEnd(say *sentences) {
	took := "without having begun"
	if e.End.Seconds != nil {
		took = "after " + Span(time.Duration(*e.End.Seconds*float64(time.Second)))
	}
	say.add("The task ended as %s %s, at %s UTC (%s ago).", e.State, took, clockTime(e.Since), e.past(e.Since))
	if e.End.Error != "" {
		say.add("The error: %s", e.End.Error)
	}
}

// sentence begins with a capital.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// counted is a number with the word for one or for many.
func counted(n int64, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// amount is a number and the verb for one or for many.
func amount(n int64, one, many string) string {
	if n == 0 {
		return "none " + one
	}
	return counted(n, one, many)
}
