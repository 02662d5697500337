package auth

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const goodPassword = "seven green boats"

// fixture is a database with the core's tables, a clock that is set by hand and a hasher that counts.
type fixture struct {
	db     *db.DB
	users  *Users
	clock  *clock
	hashes *atomic.Int64
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// cheapHasher costs nearly nothing; its counter rises with each hash that is computed.
func cheapHasher() (*Hasher, *atomic.Int64) {
	h, count := NewHasher(), new(atomic.Int64)
	h.cost = phc{memory: 8, passes: 1, lanes: 1}
	derive := h.derive
	h.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
		count.Add(1)
		return derive(password, salt, passes, memory, lanes, size)
	}
	return h, count
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	d := tables.Open(t, testkit.SQLite(t), "")
	f := &fixture{db: d, clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	f.users, f.hashes = f.process()
	return f
}

// process is the store of users as another process on the same database has it.
func (f *fixture) process() (*Users, *atomic.Int64) {
	h, count := cheapHasher()
	users := NewUsers(f.db, h)
	users.now = f.clock.now
	return users, count
}

func (f *fixture) exec(t *testing.T, statement string, values ...any) {
	t.Helper()
	err := f.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, values...).Error })
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) user(t *testing.T, name string) *User {
	t.Helper()
	user, err := f.users.CreateUser(t.Context(), User{Username: name, IsActive: true}, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func (f *fixture) authenticator(t *testing.T, remember time.Duration) *Authenticator {
	t.Helper()
	a, err := NewAuthenticator(f.users, remember)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// cost is how many hashes a log-in computes; want is the kind of its error, "" for success.
func (f *fixture) cost(t *testing.T, a *Authenticator, name, password string, want errs.Kind) int64 {
	t.Helper()
	before := f.hashes.Load()
	user, err := a.Basic(t.Context(), name, password)
	if errs.KindOf(err) != want || (user == nil) != (want != "") {
		t.Fatalf("log-in as %q: got %v, %v; want kind %q", name, user, err, want)
	}
	return f.hashes.Load() - before
}

func deactivate(id int64) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_users SET is_active = false WHERE id = ?", id).Error
	}
}
