package auth

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// storm is an Authenticator without database whose hashes all wait until the gate is closed.
type storm struct {
	*Authenticator
	hasher *Hasher
	hashes *atomic.Int64
	stored string
	// begun holds one entry for each hash that runs.
	begun, gate chan struct{}
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	h, hashes := cheapHasher()
	stored, err := h.Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	hashes.Store(0)
	s := &storm{hasher: h, hashes: hashes, stored: stored, begun: make(chan struct{}, 100), gate: make(chan struct{})}
	derive := h.derive
	h.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
		s.begun <- struct{}{}
		<-s.gate
		return derive(password, salt, passes, memory, lanes, size)
	}
	users := &Users{hasher: h, now: time.Now}
	s.Authenticator = &Authenticator{users: users, verified: NewRemembered[struct{}](time.Minute, time.Now), dummy: h.dummy()}
	return s
}

// ask checks passwords of one user in the background and reports each outcome.
func (s *storm) ask(ctx context.Context, password string, times int) chan string {
	out := make(chan string, times)
	for range times {
		go func() {
			id := s.digest(1, s.stored, password)
			right, err := s.verify(ctx, id, s.stored, password)
			out <- fmt.Sprint(right, errs.KindOf(err))
		}()
	}
	return out
}

func expect(t *testing.T, from chan string, want string) {
	t.Helper()
	for range cap(from) {
		if got := <-from; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOneHashForOneCredential(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t)
		right, wrong := s.ask(t.Context(), goodPassword, 20), s.ask(t.Context(), "wrong", 20)
		synctest.Wait()
		close(s.gate)
		expect(t, right, "true")
		expect(t, wrong, "false")
		if n := s.hashes.Load(); n != 2 {
			t.Errorf("%d hashes for two credentials", n)
		}
	})
}

func TestHashesAtATimeAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t)
		var all []chan string
		for i := range 3*cap(s.hasher.slots) + 1 {
			all = append(all, s.ask(t.Context(), fmt.Sprint(i), 1))
		}
		synctest.Wait()
		if running := len(s.begun); running != runtime.GOMAXPROCS(0) {
			t.Errorf("%d hashes run at a time, want %d", running, runtime.GOMAXPROCS(0))
		}
		close(s.gate)
		for _, one := range all {
			expect(t, one, "false")
		}
	})
}

func TestWhoLeavesTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t)
		for range cap(s.hasher.slots) {
			s.hasher.slots <- struct{}{}
		}
		ctx, leave := context.WithCancel(t.Context())
		first := s.ask(ctx, goodPassword, 1)
		synctest.Wait()
		others := s.ask(t.Context(), goodPassword, 5)
		late, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		impatient := s.ask(late, "another", 1)
		synctest.Wait()
		leave()
		expect(t, first, "false"+string(errs.Canceled))
		expect(t, impatient, "false"+string(errs.Unavailable))
		synctest.Wait()
		for range cap(s.hasher.slots) {
			<-s.hasher.slots
		}
		close(s.gate)
		expect(t, others, "true")
		if n := s.hashes.Load(); n != 1 {
			t.Errorf("%d hashes, want 1", n)
		}
	})
}

// Many unknown names with one password must not share the work of one, or they would answer faster than known ones.
func TestUnknownUsersDoNotShareWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t)
		done := make(chan error, 4)
		for i := range cap(done) {
			go func() {
				_, err := s.check(t.Context(), nil, fmt.Sprint("nobody", i), goodPassword)
				done <- err
			}()
		}
		synctest.Wait()
		close(s.gate)
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := s.hashes.Load(); n != int64(cap(done)) {
			t.Errorf("%d hashes for %d unknown users", n, cap(done))
		}
	})
}
