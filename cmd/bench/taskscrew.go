package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// crew is the processes in which package tasks is measured without a server around it: in the embedded mode one that
// dispatches and works, else one that dispatches, as the API does, and one worker. They are this program, started anew
// with the argument "role".
type crew struct {
	*system
	dispatcher, worker *member
}

// member is one process of a crew. It does what it is ordered, one thing after the other.
type member struct {
	*process
	orders  *os.File
	toOrder *json.Encoder
	answers *json.Decoder
}

// order is one line that a member reads; which of its numbers count depends on what is to be done.
type order struct {
	Do string `json:"do"`
	// Count is how many tasks, Clients how many goroutines dispatch them, Resources on how many resources in turn.
	Count     int `json:"count,omitempty"`
	Clients   int `json:"clients,omitempty"`
	Resources int `json:"resources,omitempty"`
	// Lasting is for how long at most, Nap how long a task takes.
	Lasting time.Duration `json:"lasting,omitempty"`
	Nap     time.Duration `json:"nap,omitempty"`
}

// answer is the line that a member writes to an order: how long it took, or moments or durations of single tasks, all
// in seconds.
type answer struct {
	Seconds float64   `json:"seconds,omitempty"`
	Each    []float64 `json:"each,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// crew starts the processes on an empty database, but no worker in them yet.
func (b *bench) crew(ctx context.Context, mode string) (*crew, error) {
	s, err := b.prepare(ctx, mode)
	if err != nil {
		return nil, err
	}
	c := &crew{system: s}
	if mode == embedded {
		err = s.migrate(ctx)
	}
	if err == nil {
		c.dispatcher, err = b.member(c, "dispatcher")
	}
	if c.worker = c.dispatcher; err == nil && mode != embedded {
		c.worker, err = b.member(c, "worker")
	}
	if err == nil {
		_, err = c.dispatcher.obey(order{Do: "api"})
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return c, nil
}

// work starts the worker.
func (c *crew) work() error {
	_, err := c.worker.obey(order{Do: "work"})
	return err
}

// member starts one process.
func (b *bench) member(c *crew, name string) (*member, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	environment := append(c.environment, roleDatabase+"="+c.database, roleFolder+"="+c.dir)
	if b.profile != "" {
		file := filepath.Join(b.profile, fmt.Sprintf("%s-%s-%d.pprof", c.mode, name, b.number()))
		environment = append(environment, roleProfile+"="+file)
	}
	ordersRead, orders, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe to %s: %w", name, err)
	}
	answers, answersWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a pipe from %s: %w", name, err), ordersRead.Close(), orders.Close())
	}
	p, err := startWith(c.dir, name, environment, func(command *exec.Cmd) {
		command.Stdin, command.Stdout = ordersRead, answersWrite
	}, self, roleArgument)
	// The process has its own handles, and the end of the pipe shows only when ours are closed.
	if err := errors.Join(err, ordersRead.Close(), answersWrite.Close()); err != nil {
		return nil, errors.Join(err, orders.Close(), answers.Close())
	}
	m := &member{process: p, orders: orders, toOrder: json.NewEncoder(orders), answers: json.NewDecoder(answers)}
	c.later(func() error { return errors.Join(m.dismiss(), answers.Close()) })
	return m, nil
}

// obey gives an order and waits until it is done.
func (m *member) obey(o order) (answer, error) {
	var a answer
	if err := m.toOrder.Encode(o); err != nil {
		return a, fmt.Errorf("order %s to %s: %w; its log ends:\n%s", m.name, o.Do, err, m.tail())
	}
	if err := m.answers.Decode(&a); err != nil {
		return a, fmt.Errorf("%s did not %s: %w; its log ends:\n%s", m.name, o.Do, err, m.tail())
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s could not %s: %s", m.name, o.Do, a.Error)
	}
	return a, nil
}

// dismiss lets the process end by itself, which it does when there are no more orders.
func (m *member) dismiss() error {
	closed := m.orders.Close()
	limit := time.NewTimer(stopWithin)
	defer limit.Stop()
	select {
	case <-m.gone:
		return closed
	case <-limit.C:
		return errors.Join(closed, m.stop())
	}
}
