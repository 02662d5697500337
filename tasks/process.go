package tasks

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// process is one entry of this process in core_app_statuses, with its heartbeat. A process that is API and worker at
// once has several.
type process struct {
	t       *Tasks
	name    string
	appType string
	ttl     time.Duration
	stop    context.CancelFunc
	done    chan struct{}

	mu sync.Mutex
	// last is the last beat that succeeded, steady the first of the unbroken row of beats that it ends.
	last, steady time.Time
	// others are the signs of life of other processes.
	others sightings
}

// StartProcess makes this process known as one of the type "api", "content" or "worker", and keeps its heartbeat
// going, apart from all work, until Stop. Immediate tasks are run only by a process that is known.
func (t *Tasks) StartProcess(ctx context.Context, appType string) error {
	_, err := t.startProcess(ctx, appType)
	return err
}

func (t *Tasks) startProcess(ctx context.Context, appType string) (*process, error) {
	p := &process{t: t, name: t.newName(), appType: appType, ttl: t.ttlOf(appType), done: make(chan struct{})}
	if err := p.beat(ctx); err != nil {
		return nil, fmt.Errorf("make the process known in the database: %w", err)
	}
	// detached: the heartbeat ends with Stop, after the work that it vouches for.
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	t.mu.Lock()
	t.processes = append(t.processes, p)
	t.mu.Unlock()
	go p.keepBeating(beating)
	return p, nil
}

// keepBeating beats three times in the time that counts as dead, and sooner again after a failure.
func (p *process) keepBeating(ctx context.Context) {
	defer close(p.done)
	every, soon := p.ttl/3, min(p.ttl/6, time.Second)
	next := time.NewTimer(every)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if err := p.beat(ctx); err != nil && ctx.Err() == nil {
			p.t.log.Warn("the heartbeat could not be saved, it will be tried again", "name", p.name, "error", err)
			next.Reset(soon)
			continue
		}
		// Whom the heartbeat vouches for must be in our hands. An API has no sweeper that would look.
		if err := p.t.releaseStranded(ctx); err != nil && ctx.Err() == nil {
			p.t.log.Warn("claims that nobody knows of could not be looked for, it will be tried again", "name", p.name, "error", err)
		}
		next.Reset(every)
	}
}

// beat renews the sign of life, by the clock of the database. A row that is gone was taken for dead: it is written
// anew, while the tasks of that time stay settled.
func (p *process) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.ttl/2)
	defer cancel()
	err := p.t.db.InTx(ctx, func(tx *db.Tx) error {
		tx.Aside()
		now := tx.Dialect().Now()
		done := tx.Exec("UPDATE core_app_statuses SET last_heartbeat = "+now+", pulp_last_updated = "+now+" WHERE name = ?", p.name)
		if done.Error != nil || done.RowsAffected > 0 {
			return done.Error
		}
		return p.insert(tx)
	})
	p.note(err == nil)
	return err
}

func (p *process) insert(tx *db.Tx) error {
	versions, err := json.Marshal(p.t.o.Versions)
	if err != nil {
		return err
	}
	if p.t.o.Versions == nil {
		versions = []byte("{}")
	}
	kinds, err := json.Marshal(append([]string{}, p.t.Kinds()...))
	if err != nil {
		return err
	}
	places, short := 0, 0
	if p.appType == "worker" {
		places, short = p.t.o.Concurrency, p.t.o.ShortPlaces
	}
	id, now := ident.New(), tx.Dialect().Now()
	return tx.Exec(`INSERT INTO core_app_statuses (id, name, app_type, versions, concurrency, short_places, kinds, ttl_seconds, last_heartbeat, pulp_created, pulp_last_updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, `+now+`, ?, `+now+`)`,
		id, p.name, p.appType, model.JSON(versions), places, short, model.JSON(kinds), int64(p.ttl/time.Second), ident.Time(id)).Error
}

func (p *process) note(alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !alive {
		p.steady = time.Time{}
		p.others.forget()
		return
	}
	if p.steady.IsZero() || now.Sub(p.last) > p.ttl/2 {
		p.steady = now
		p.others.forget()
	}
	p.last = now
}

// mayJudge tells whether this process has itself been alive for long enough to call others dead. After an outage of
// the database, or a suspended machine, everybody's heartbeat is old until everybody has had time to beat again.
func (p *process) mayJudge() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.steady.IsZero() && time.Since(p.steady) >= p.ttl/2
}

// end stops the heartbeat and takes the process off the list.
func (p *process) end(ctx context.Context) error {
	p.stop()
	<-p.done
	err := p.t.db.InTx(ctx, func(tx *db.Tx) error {
		return tx.Where("name = ?", p.name).Delete(&task.AppStatus{}).Error
	})
	return wrap(err, "take the process %s off the list", p.name)
}

// newName fills the template and adds a random end: the number of a process and the name of a host come again, in
// containers at every start.
func (t *Tasks) newName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	fill := strings.NewReplacer("{pid}", strconv.Itoa(os.Getpid()), "{hostname}", host)
	return fill.Replace(t.o.NameTemplate) + "-" + strings.ToLower(rand.Text()[:8])
}

func (t *Tasks) ttlOf(appType string) time.Duration {
	ttl := t.o.WorkerTTL
	switch appType {
	case "api":
		ttl = t.o.APITTL
	case "content":
		ttl = t.o.ContentTTL
	}
	return max(ttl.Truncate(time.Second), time.Second)
}

// self is the name under which this process runs immediate tasks; empty when it is not known.
func (t *Tasks) self() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.processes) == 0 || t.stopped {
		return ""
	}
	return t.processes[0].name
}

// selves are all names of this process.
func (t *Tasks) selves() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, p := range t.processes {
		out = append(out, p.name)
	}
	return out
}
