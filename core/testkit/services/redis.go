package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
)

// startRedis starts a Redis that keeps nothing on disk. It has databases enough for each test to have its own.
func startRedis(ctx context.Context, dir string) (*server, error) {
	return start(ctx, dir, spec{
		name: "redis", variable: "PACKHOUSE_TEST_REDIS", quit: syscall.SIGTERM,
		command: func(port string) []string {
			return []string{"redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir,
				"--save", "", "--appendonly", "no", "--databases", "10000"}
		},
		url:   func(port string) string { return "redis://127.0.0.1:" + port + "/0" },
		ready: pingRedis,
	})
}

// pingRedis asks for a sign of life in Redis' own words.
func pingRedis(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(connection, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	if answer != "+PONG\r\n" {
		return errors.New("redis answered " + answer)
	}
	return nil
}
