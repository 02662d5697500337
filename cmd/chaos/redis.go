package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// redis is a Redis of our own, which keeps nothing on disk.
type redis struct {
	daemon
	address string // host and port
}

func startRedis(ctx context.Context, dir string) (*redis, error) {
	port, err := sparePort(ctx)
	if err != nil {
		return nil, err
	}
	r := &redis{address: "127.0.0.1:" + port}
	r.daemon = daemon{
		name: "Redis", log: filepath.Join(dir, "redis.log"), quick: syscall.SIGKILL,
		args: []string{"redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"},
		ready: func(ctx context.Context) error {
			return r.say(ctx, "PING", "+PONG")
		},
	}
	return r, r.start(ctx)
}

func (r *redis) url() string { return "redis://" + r.address + "/0" }

// flush empties it.
func (r *redis) flush(ctx context.Context) error { return r.say(ctx, "FLUSHALL", "+OK") }

// say sends one inline command (https://redis.io/docs/latest/develop/reference/protocol-spec/) and wants an answer.
func (r *redis) say(ctx context.Context, command, want string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // the answer is here by then
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && strings.TrimSpace(answer) != want {
		err = fmt.Errorf("the answer of Redis to %s is %q", command, answer)
	}
	return err
}
