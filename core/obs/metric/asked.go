package metric

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// keptFor is how long answers are told again at least, however many read, and keptTimes how many times as long as
	// the asking took: so that it never takes more than a hundredth of anybody's time.
	keptFor, keptTimes = 5 * time.Second, 100
	// patience is how long a source may take.
	patience = 2 * time.Second
)

// Backlog are the tasks of the whole installation that wait, by what they wait for.
type Backlog struct {
	// Resources are held by other tasks, Cap is a full limit, Worker a free place of a worker.
	Resources, Cap, Worker int64
	// Oldest is how long the longest of those that wait for a worker has been ready; 0 where none waits.
	Oldest time.Duration
}

// Pool are the numbers of a pool of connections to the database.
type Pool struct {
	// Used and Idle connections are open, Max is the most that may be.
	Used, Idle, Max int
	// Waits is how often somebody had to wait for a connection, Waited for how long in all.
	Waits  int64
	Waited time.Duration
}

// Connections are those of the clients of a process.
type Connections struct {
	// Open is how many there are, Max how many there may be.
	Open, Max int
	// Refused is how many were refused so far, by why: a word of the code.
	Refused map[string]int64
}

// Sources are asked when the metrics are read. Each may be nil: then it is not told.
type Sources struct {
	// Backlog counts waiting tasks in the database.
	Backlog func(ctx context.Context) (Backlog, error)
	// Database and Redis give an error when they do not answer.
	Database, Redis func(ctx context.Context) error
	// Pools are the connections to the database by name of the pool.
	Pools func() map[string]Pool
	// Connections are those of clients.
	Connections func() Connections
	// Now is the clock; nil is that of the system.
	Now func() time.Time
}

// Ask has the sources asked from now on. It may be called once.
func (m *Metrics) Ask(s Sources) {
	if s.Now == nil {
		s.Now = time.Now
	}
	label := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	m.registry.MustRegister(&asked{
		m: m, sources: s,
		waiting:  label("tasks_waiting", "Waiting tasks of the whole installation, by what they wait for; every process tells the same.", "why"),
		oldest:   label("tasks_ready_age_seconds", "How long the longest ready task waits for a worker; every process tells the same."),
		up:       label("up", "Whether a server that this process needs answers: 1 or 0.", "server"),
		opened:   label("database_connections", "Connections to the database.", "pool", "state"),
		limit:    label("database_connections_max", "Largest number of connections to the database.", "pool"),
		waits:    label("database_waits_total", "Times that somebody waited for a connection to the database.", "pool"),
		clients:  label("connections", "Connections that clients have open."),
		most:     label("connections_max", "Largest number of connections that clients may have open."),
		refused:  label("connections_refused_total", "Connections that were refused, because all were taken or all of one client.", "why"),
		waitTime: label("database_wait_seconds_total", "Time that was spent waiting for a connection to the database.", "pool"),
	})
}

// asked tells what the sources say.
type asked struct {
	m       *Metrics
	sources Sources

	waiting, oldest, up, opened, limit, waits, waitTime, clients, most, refused *prometheus.Desc

	mu   sync.Mutex
	at   time.Time     // of the asking
	good time.Duration // how long the answers are good for
	kept []prometheus.Metric
}

// Describe names everything that can be told.
func (a *asked) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{a.waiting, a.oldest, a.up, a.opened, a.limit, a.waits, a.waitTime, a.clients, a.most, a.refused} {
		to <- d
	}
}

// Collect tells what is known, asking again when that is too old.
func (a *asked) Collect(to chan<- prometheus.Metric) {
	for _, one := range slices.Concat(a.remembered(), a.pools(), a.connections()) {
		to <- one
	}
}

// remembered gives the answers of servers. Who comes while they are asked waits for the same answer.
func (a *asked) remembered() []prometheus.Metric {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.sources.Now()
	if a.kept == nil || now.Sub(a.at) >= a.good || now.Before(a.at) {
		a.at, a.kept = now, a.ask()
		a.good = max(keptFor, keptTimes*a.sources.Now().Sub(now))
	}
	return a.kept[:len(a.kept):len(a.kept)]
}

func (a *asked) ask() []prometheus.Metric {
	out := []prometheus.Metric{}
	for server, ping := range map[string]func(context.Context) error{"database": a.sources.Database, "redis": a.sources.Redis} {
		if ping != nil {
			out = append(out, gauge(a.up, answers(ping), server))
		}
	}
	return append(out, a.backlog()...)
}

// backlog leaves out what the database does not tell; a gap is better than a wrong number.
func (a *asked) backlog() []prometheus.Metric {
	if a.sources.Backlog == nil {
		return nil
	}
	ctx, cancel := limited()
	defer cancel()
	b, err := a.sources.Backlog(ctx)
	if err != nil {
		a.m.log.Warn("the metrics lack the waiting tasks", "error", err)
		return nil
	}
	return []prometheus.Metric{
		gauge(a.waiting, float64(b.Resources), "resources"), gauge(a.waiting, float64(b.Cap), "cap"), gauge(a.waiting, float64(b.Worker), "worker"),
		gauge(a.oldest, b.Oldest.Seconds()),
	}
}

func (a *asked) pools() (out []prometheus.Metric) {
	if a.sources.Pools == nil {
		return nil
	}
	for pool, s := range a.sources.Pools() {
		out = append(out,
			gauge(a.opened, float64(s.Used), pool, "used"), gauge(a.opened, float64(s.Idle), pool, "idle"),
			gauge(a.limit, float64(s.Max), pool),
			prometheus.MustNewConstMetric(a.waits, prometheus.CounterValue, float64(s.Waits), pool),
			prometheus.MustNewConstMetric(a.waitTime, prometheus.CounterValue, s.Waited.Seconds(), pool),
		)
	}
	return out
}

func (a *asked) connections() (out []prometheus.Metric) {
	if a.sources.Connections == nil {
		return nil
	}
	c := a.sources.Connections()
	out = append(out, gauge(a.clients, float64(c.Open)), gauge(a.most, float64(c.Max)))
	for why, n := range c.Refused {
		out = append(out, prometheus.MustNewConstMetric(a.refused, prometheus.CounterValue, float64(n), why))
	}
	return out
}

// answers is 1 when a server gives a sign of life.
func answers(ping func(context.Context) error) float64 {
	ctx, cancel := limited()
	defer cancel()
	if ping(ctx) != nil {
		return 0
	}
	return 1
}

func limited() (context.Context, context.CancelFunc) {
	// detached: who reads the metrics cannot be heard leaving here, so the time is bounded instead.
	return context.WithTimeout(context.Background(), patience)
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

var _ prometheus.Collector = (*asked)(nil)
