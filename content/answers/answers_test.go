package answers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// bed is a Redis behind a connection that tests cut or hold.
type bed struct {
	t      *testing.T
	direct *redis.Client
	to     string
	url    string
	log    *bytes.Buffer

	mu    sync.Mutex
	mode  mode
	conns []net.Conn
	held  chan struct{}
	at    time.Time
}

// mode is what the connection does.
type mode int

const (
	passing mode = iota
	cut          // every connection is closed
	held         // connections are taken, and nothing is passed on
)

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	address := testkit.Redis(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	opt, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, to: u.Host, log: &bytes.Buffer{}, direct: redis.NewClient(opt), held: make(chan struct{}), at: time.Unix(1e9, 0)}
	u.Host = listener.Addr().String()
	b.url = u.String()
	go b.accept(listener)
	t.Cleanup(func() {
		_ = listener.Close()
		b.set(cut)
		_ = b.direct.Close()
	})
	return b
}

func (b *bed) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		mode := b.mode
		b.conns = append(b.conns, c)
		b.mu.Unlock()
		switch mode {
		case cut:
			_ = c.Close()
		case passing:
			up, err := net.Dial("tcp", b.to)
			if err != nil {
				_ = c.Close()
				continue
			}
			b.mu.Lock()
			b.conns = append(b.conns, up)
			b.mu.Unlock()
			go b.pass(up, c)
			go b.pass(c, up)
		case held:
		}
	}
}

// pass copies as long as nothing is held.
func (b *bed) pass(to, from net.Conn) {
	defer to.Close()
	block := make([]byte, 1<<16)
	for {
		n, err := from.Read(block)
		if err != nil {
			return
		}
		b.mu.Lock()
		stopped := b.mode == held
		b.mu.Unlock()
		if stopped {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(block[:n]); err != nil {
			return
		}
	}
}

func (b *bed) set(m mode) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = m
	if m != held {
		for _, c := range b.conns {
			_ = c.Close()
		}
		b.conns = nil
	}
}

func (b *bed) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bed) wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

func (b *bed) store() *Store {
	b.t.Helper()
	s, err := New(Options{URL: b.url, Log: slog.New(slog.NewTextHandler(b.log, nil)), now: b.now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return s
}

// get asks until a pause that an earlier failure left is over.
func (b *bed) get(s *Store, name string) string { return string(s.Get(b.t.Context(), name)) }

func TestValuesAreKept(t *testing.T) {
	b := newBed(t)
	one, two := b.store(), b.store()
	one.Set(t.Context(), "a", []byte("x\x00y"), time.Minute)
	if got := b.get(two, "a"); got != "x\x00y" {
		t.Errorf("the other process reads %q", got)
	}
	if got := b.get(two, "b"); got != "" || two.Get(t.Context(), "b") != nil {
		t.Errorf("nothing is %q", got)
	}
	if left := b.direct.PTTL(t.Context(), "a").Val(); left <= 0 || left > time.Minute {
		t.Errorf("it is kept for %v", left)
	}
	two.Set(t.Context(), "a", nil, 0)
	if got := b.get(one, "a"); got != "" {
		t.Errorf("what was forgotten is %q", got)
	}
	if b.log.Len() > 0 {
		t.Error(b.log)
	}
}

// TestWhateverLiesThere: neither another type nor a value without end does harm.
func TestWhateverLiesThere(t *testing.T) {
	b := newBed(t)
	s := b.store()
	b.direct.LPush(t.Context(), "list", "x")
	b.direct.SetRange(t.Context(), "long", 10<<20, "x")
	if got := s.Get(t.Context(), "list"); got != nil {
		t.Errorf("a list is %q", got)
	}
	if got := s.Get(t.Context(), "long"); len(got) != longest+1 {
		t.Errorf("%d bytes were read", len(got))
	}
	s.Set(t.Context(), "list", []byte("v"), time.Minute)
	if got := b.get(s, "list"); got != "v" || b.log.Len() > 0 {
		t.Errorf("%q, log %s", got, b.log)
	}
}

// TestAnOutageIsToldOnceAndPasses: connections that are refused, cut or held in the middle cost what was in Redis.
func TestAnOutageIsToldOnceAndPasses(t *testing.T) {
	for name, how := range map[string]mode{"cut": cut, "held": held} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			s := b.store()
			s.Set(t.Context(), "a", []byte("v"), time.Hour)
			b.set(how)
			for range 3 {
				for range 20 { // of which one asks, and the others do not wait
					if got := b.get(s, "a"); got != "" {
						t.Errorf("without Redis it is %q", got)
					}
				}
				b.wait(pause)
			}
			if n := strings.Count(b.log.String(), "\n"); n != 1 || !strings.Contains(b.log.String(), "level=WARN") {
				t.Errorf("the log:\n%s", b.log)
			}
			b.set(passing)
			for range 2 { // a connection that was held is found out to be gone
				b.get(s, "a")
				b.wait(pause)
			}
			if got := b.get(s, "a"); got != "v" {
				t.Errorf("with Redis again it is %q", got)
			}
			if n := strings.Count(b.log.String(), "level=INFO"); n != 1 {
				t.Errorf("the log:\n%s", b.log)
			}
			if strings.Contains(b.log.String(), b.url) {
				t.Error("the address is in the log")
			}
		})
	}
}

// TestAClientThatIsGoneIsNoOutage: what it did not wait for says nothing of Redis.
func TestAClientThatIsGoneIsNoOutage(t *testing.T) {
	b := newBed(t)
	s := b.store()
	s.Set(t.Context(), "a", []byte("v"), time.Hour)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if got := s.Get(gone, "a"); got != nil {
		t.Errorf("it got %q", got)
	}
	if got := b.get(s, "a"); got != "v" || b.log.Len() > 0 {
		t.Errorf("%q, log %s", got, b.log)
	}
}

func TestAnAddressThatCannotBeReadIsNotShown(t *testing.T) {
	t.Parallel()
	_, err := New(Options{URL: "redis://:hunter2@[", Log: slog.New(slog.DiscardHandler)})
	if !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestKeysFollowTheSecret(t *testing.T) {
	t.Parallel()
	a, err := Key("a")
	b, _ := Key("b")
	if err != nil || len(a) != keySize || bytes.Equal(a, b) {
		t.Errorf("%x, %x, %v", a, b, err)
	}
}
