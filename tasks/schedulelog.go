package tasks

import (
	"sync"
	"time"
)

// faultEvery is how often the log is told that one schedule cannot be fired.
const faultEvery = time.Hour

// scheduleFaults remembers what the log was told of schedules that cannot be fired.
type scheduleFaults struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// due tells whether it is time to tell again.
func (s *scheduleFaults) due(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.told[id]; known && now.Sub(last) < faultEvery {
		return false
	}
	if s.told == nil {
		s.told = map[string]time.Time{}
	}
	s.told[id] = now
	return true
}

// cannotFire gives an error of the moment, such as a database that is away, to the sweep. All others stay until
// somebody changes the schedule or the settings, so they are told now and then.
func (t *Tasks) cannotFire(id, name string, err error) error {
	if passes(err) {
		return err
	}
	if t.faults.due(id, time.Now()) {
		t.log.Warn("a schedule is due and cannot be fired", "schedule", name, "id", id, "error", err)
	}
	return nil
}

// noteFiring writes to the log what was fired, and what was not.
func (t *Tasks) noteFiring(f *firing) {
	switch {
	case f.fired == nil:
		t.log.Warn("moments of a schedule go by while its last task is not finished", "schedule", f.row.Name, "missed", f.passed.Missed, "task", *f.row.LastTaskID)
	case f.passed.Missed > 0:
		t.log.Warn("moments of a schedule have gone by and are made up for once", "schedule", f.row.Name, "missed", f.passed.Missed, "task", f.fired.ID)
	default:
		t.log.Info("a schedule was fired", "schedule", f.row.Name, "task", f.fired.ID)
	}
}
