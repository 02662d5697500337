package tasks

import (
	"bufio"
	"net"
	"path/filepath"
	"testing"
)

// TestAQueueBehindASocket: Redis is reached where operators say "unix", as settings.md does.
func TestAQueueBehindASocket(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "redis.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heard := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _, _ = conn.Close(), l.Close() }() // nobody listens for a second try
		line, _ := bufio.NewReader(conn).ReadString('\n')
		heard <- line
	}()
	q, err := openQueue(Options{RedisURL: "unix://" + at})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.redis.Close() })
	_ = q.ready(t.Context()) // nobody answers
	if line := <-heard; line == "" || line[0] != '*' {
		t.Errorf("the socket heard %q, which is no command of Redis", line)
	}
}
