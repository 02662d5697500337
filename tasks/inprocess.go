package tasks

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// inProcess is a Redis inside the process, on a loopback port that only we have the password for.
type inProcess struct {
	server *miniredis.Miniredis
	stop   chan struct{}
	done   chan struct{}
}

// newInProcess starts an empty queue that ends with the process. Nothing is lost by that: the rows are the truth, and
// Recover sends them again.
func newInProcess() (*queue, error) {
	m := &inProcess{server: miniredis.NewMiniRedis(), stop: make(chan struct{}), done: make(chan struct{})}
	password := rand.Text()
	m.server.RequireAuth(password)
	if err := m.server.Start(); err != nil {
		return nil, fmt.Errorf("start the queue inside the process, it needs a loopback port: %w", err)
	}
	quiet()
	go m.tick()
	return newQueue(redis.NewClient(&redis.Options{Addr: m.server.Addr(), Password: password}), m), nil
}

// tick moves the clock of the server, which does not run by itself.
func (m *inProcess) tick() {
	defer close(m.done)
	last := time.Now()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-m.stop:
			return
		case now := <-every.C:
			m.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (m *inProcess) close() {
	close(m.stop)
	<-m.done
	m.server.Close()
}
