package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// unknownKind stands for all kinds that the process does not know, such as those of a plugin that was taken out.
const unknownKind = "unknown"

// Tasks counts tasks by kind.
type Tasks struct {
	known map[string]bool

	dispatched, finished, swept, wakeUps *prometheus.CounterVec
	locked, queued, ran                  *prometheus.HistogramVec
	running, places                      prometheus.Gauge
}

func newTasks(r *prometheus.Registry, kinds []string) *Tasks {
	waits := []float64{.005, .02, .1, .5, 2, 10, 60, 300, 1800}
	t := &Tasks{
		known:      map[string]bool{},
		dispatched: counters(r, "tasks_dispatched_total", "Tasks that this process handed out.", "kind"),
		finished:   counters(r, "tasks_finished_total", "Tasks whose end this process wrote, by final state.", "kind", "state"),
		locked:     histograms(r, "tasks_lock_wait_seconds", "Time from the dispatch until the resources were free, of tasks begun here.", waits, "kind"),
		queued:     histograms(r, "tasks_queue_seconds", "Time from ready to begun, of tasks begun here.", waits, "kind"),
		ran:        histograms(r, "tasks_run_seconds", "Time that tasks ran here.", []float64{.01, .05, .25, 1, 5, 15, 60, 300, 1800, 7200}, "kind"),
		running:    gauges(r, "tasks_running", "Tasks that this process is running.").WithLabelValues(),
		places:     gauges(r, "worker_places", "Tasks that the worker of this process runs side by side at most.").WithLabelValues(),
		swept:      counters(r, "tasks_sweeper_actions_total", "Tasks and processes that the sweeper of this process put in order.", "action"),
		wakeUps:    counters(r, "tasks_wakeups_total", "Times that the worker of this process looked for work, by what made it look.", "by"),
	}
	for _, kind := range kinds {
		t.known[kind] = true
		t.dispatched.WithLabelValues(kind) // shown from the start, so that the first one is seen as a rise
	}
	for _, action := range sweeperActions() {
		t.swept.WithLabelValues(action)
	}
	return t
}

// Places tells how many tasks the worker of this process runs side by side.
func (t *Tasks) Places(n int) { t.places.Set(float64(n)) }

// Dispatched counts a task that was handed out.
func (t *Tasks) Dispatched(kind string) { t.dispatched.WithLabelValues(t.kind(kind)).Inc() }

// Began counts a task that begins, with the time that it waited for resources and the time that it then waited for its
// turn; a negative time is not known. Left must follow.
func (t *Tasks) Began(kind string, locked, queued time.Duration) {
	t.running.Inc()
	observe(t.locked, t.kind(kind), locked)
	observe(t.queued, t.kind(kind), queued)
}

// Left counts a task that does not run here any more; a negative time is not known.
func (t *Tasks) Left(kind string, ran time.Duration) {
	t.running.Dec()
	observe(t.ran, t.kind(kind), ran)
}

// Ended counts a task that is final.
func (t *Tasks) Ended(kind, state string) { t.finished.WithLabelValues(t.kind(kind), state).Inc() }

// Swept counts what a sweep put in order.
func (t *Tasks) Swept(action string, n int) { t.swept.WithLabelValues(action).Add(float64(max(n, 0))) }

// Woken counts a look for work.
func (t *Tasks) Woken(by string) { t.wakeUps.WithLabelValues(by).Inc() }

// sweeperActions are the words that package tasks has for what a sweep does; they are shown from the start.
func sweeperActions() []string { return []string{"buried", "given up", "put back", "unblocked"} }

func (t *Tasks) kind(name string) string {
	if t.known[name] {
		return name
	}
	return unknownKind
}

func observe(h *prometheus.HistogramVec, kind string, took time.Duration) {
	if took >= 0 {
		h.WithLabelValues(kind).Observe(took.Seconds())
	}
}
