package tasks

import (
	"sync"
	"time"
)

// sightings remember since when things have looked the same, by the clock of this process that nobody can set. What is
// dead, or left behind, must not follow from a clock of the database or the host that was put forward or back.
type sightings struct {
	mu sync.Mutex
	of map[string]sighting
}

// sighting is what was seen, and since when.
type sighting struct{ mark, since time.Time }

// look takes all that is there to be seen, with a moment that changes when it does, and tells for how long each has been
// as it is. What is not there any more is forgotten.
func (s *sightings) look(marks map[string]time.Time) map[string]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, next, unchanged := time.Now(), map[string]sighting{}, map[string]time.Duration{}
	for name, mark := range marks {
		before, known := s.of[name]
		if !known || !before.mark.Equal(mark) {
			before = sighting{mark: mark, since: now}
		}
		next[name], unchanged[name] = before, now.Sub(before.since)
	}
	s.of = next
	return unchanged
}

// forget begins anew: nobody was looking for a while.
func (s *sightings) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = nil
}
