package base

import (
	"sync"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// streams counts the streams of a process, and how many of them each user has: nobody can take the places of all others.
type streams struct {
	mu  sync.Mutex
	all int
	// of counts by the number of the user, 0 for those who did not log in.
	of map[int64]int
}

func newStreams() *streams { return &streams{of: map[int64]int{}} }

// take takes one place, which leave gives back, once.
func (s *streams) take(user *auth.User) (leave func(), err error) {
	var who int64
	if user != nil {
		who = user.ID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[who] >= maxStreamsOfOne:
		return nil, errs.New(errs.TooMany, "You follow %d tasks here already; end one of them, or read the log without following it", maxStreamsOfOne)
	case s.all >= maxStreams:
		return nil, errs.New(errs.TooMany, "%d clients follow tasks here already; try again later, or read the log without following it", maxStreams)
	}
	s.all++
	s.of[who]++
	return sync.OnceFunc(func() { s.leave(who) }), nil
}

func (s *streams) leave(who int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
}
