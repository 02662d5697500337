package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const lockout = 5 * time.Minute

// throttled is an authenticator with a limit of 3, as one of several processes has it.
func (f *fixture) throttled(t *testing.T, remember time.Duration) *Authenticator {
	t.Helper()
	throttle, err := NewThrottle(f.db, 3, lockout)
	if err != nil {
		t.Fatal(err)
	}
	throttle.now = f.clock.now
	a := f.authenticator(t, remember)
	a.Use(throttle)
	return a
}

func from(t *testing.T, address string) context.Context {
	t.Helper()
	return WithClient(t.Context(), netip.MustParseAddr(address))
}

// try logs in and checks the kind of the answer, "" for success.
func try(t *testing.T, a *Authenticator, address, name, password string, want errs.Kind) {
	t.Helper()
	if err := refusal(t, a, address, name, password, want); errs.KindOf(err) != want {
		t.Fatal(err)
	}
}

// refusal is try, for those who look at the error.
func refusal(t *testing.T, a *Authenticator, address, name, password string, want errs.Kind) error {
	t.Helper()
	user, err := a.Basic(from(t, address), name, password)
	if errs.KindOf(err) != want || (user == nil) != (want != "") {
		t.Fatalf("%s as %s: %v, %v; want %q", address, name, user, err, want)
	}
	return err
}

func wrongTimes(t *testing.T, a *Authenticator, n int, address, name string) {
	t.Helper()
	for range n {
		try(t, a, address, name, "wrong", errs.Unauthenticated)
	}
}

func TestFailuresLockOutAcrossProcesses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	one, two := f.throttled(t, 0), f.throttled(t, 0)
	wrongTimes(t, one, 2, "192.0.2.1", "ann")
	wrongTimes(t, two, 1, "192.0.2.1", "ann")
	hashes := f.hashes.Load()
	err := refusal(t, one, "192.0.2.1", "ann", goodPassword, errs.TooMany)
	if wait, ok := errors.AsType[*Throttled](err); !ok || wait.After != lockout {
		t.Errorf("the lock-out is told as %v", err)
	}
	if f.hashes.Load() != hashes {
		t.Error("a locked out log-in was checked")
	}
	try(t, one, "192.0.2.2", "ann", goodPassword, "")
	f.clock.forward(lockout - time.Second)
	try(t, two, "192.0.2.1", "ann", goodPassword, errs.TooMany)
	f.clock.forward(time.Second)
	wrongTimes(t, one, 2, "192.0.2.1", "ann") // counted anew
	try(t, two, "192.0.2.1", "ann", goodPassword, "")
	wrongTimes(t, one, 2, "192.0.2.1", "ann") // forgotten by the success
	try(t, two, "192.0.2.1", "ann", goodPassword, "")
}

func TestUnknownUsersCountLikeKnownOnes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	a := f.throttled(t, 0)
	var told []string
	for _, name := range []string{"ann", "nobody", "a:b"} {
		for i := range 5 {
			before := f.hashes.Load()
			_, err := a.Basic(from(t, "192.0.2.1"), name, "wrong")
			told = append(told, fmt.Sprint(i, errs.KindOf(err), err, f.hashes.Load()-before))
		}
	}
	for i := range 5 {
		if told[i] != told[5+i] || told[i] != told[10+i] {
			t.Errorf("users can be told apart: %q, %q, %q", told[i], told[5+i], told[10+i])
		}
	}
}

// TestNobodyLocksOthersOut: a name that is guessed from everywhere is locked for new addresses, and not where its user
// has logged in.
func TestNobodyLocksOthersOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	a := f.throttled(t, 0)
	try(t, a, "192.0.2.1", "ann", goodPassword, "")
	for i := range 15 {
		wrongTimes(t, a, 2, fmt.Sprintf("198.51.100.%d", i), "ann")
	}
	try(t, a, "203.0.113.1", "ann", goodPassword, errs.TooMany)
	try(t, a, "192.0.2.1", "ann", goodPassword, "")
	// A neighbour at that address does not learn that the user logs in from there, and does not get more guesses.
	try(t, a, "192.0.2.1", "ann", "wrong", errs.TooMany)
	try(t, a, "192.0.2.1", "ann", "wrong", errs.TooMany)
	try(t, a, "192.0.2.1", "ann", "wrong", errs.TooMany)
	try(t, a, "192.0.2.1", "ann", goodPassword, errs.TooMany)
	f.clock.forward(lockout)
	try(t, a, "203.0.113.1", "ann", goodPassword, "")
}

func TestAnAddressThatTriesManyNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	a := f.throttled(t, 0)
	for i := range 30 {
		wrongTimes(t, a, 1, fmt.Sprintf("2001:db8::%d", i+1), fmt.Sprint("name", i))
	}
	try(t, a, "2001:db8::ffff", "ann", goodPassword, errs.TooMany)
	try(t, a, "2001:db8:0:1::1", "ann", goodPassword, "")
	f.clock.forward(2 * time.Hour)
	wrongTimes(t, a, 1, "192.0.2.9", "x")
	var rows int64
	if err := f.db.Read(t.Context()).Model(&loginFailure{}).Count(&rows).Error; err != nil || rows != 3 {
		t.Errorf("%d counters are left, %v", rows, err)
	}
}

func TestWhatIsRememberedIsNotThrottled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	a := f.throttled(t, time.Minute)
	try(t, a, "192.0.2.1", "ann", goodPassword, "")
	wrongTimes(t, a, 3, "192.0.2.1", "ann")
	f.exec(t, "DROP TABLE core_login_places")
	try(t, a, "192.0.2.1", "ann", goodPassword, "") // without a look at the tables
	if _, err := a.Basic(from(t, "192.0.2.2"), "ann", "wrong"); err == nil {
		t.Error("it counts without its tables")
	}
}

// TestManyGuessesAtOnce: guesses that are sent together pass the first look together; the right one among them must not
// count once the limit was reached.
func TestManyGuessesAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann := f.user(t, "ann")
	a := f.throttled(t, 0)
	var wrong sync.WaitGroup
	wrong.Add(3)
	// The right guess is held in its hash until three others have failed.
	held, derive := hexDigest(goodPassword), f.users.hasher.derive
	f.users.hasher.slots = make(chan struct{}, 8)
	f.users.hasher.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
		if hexDigest(string(password)) == held {
			wrong.Wait()
		}
		return derive(password, salt, passes, memory, lanes, size)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := a.Basic(from(t, "192.0.2.1"), ann.Username, goodPassword)
		answer <- err
	}()
	for i := range 3 {
		_, err := a.Basic(from(t, "192.0.2.1"), ann.Username, fmt.Sprint("wrong", i))
		if !errs.Is(err, errs.Unauthenticated) {
			t.Error(err)
		}
		wrong.Done()
	}
	if err := <-answer; !errs.Is(err, errs.TooMany) {
		t.Errorf("the right guess among too many: %v", err)
	}
}

func TestCountersHoldNoNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.throttled(t, 0)
	wrongTimes(t, a, 1, "192.0.2.77", "canary-name")
	var keys []string
	if err := f.db.Read(t.Context()).Model(&loginFailure{}).Pluck("key_hash", &keys).Error; err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if strings.Contains(key, "canary") || strings.Contains(key, "192.0") || len(key) != 64 {
			t.Errorf("a counter is kept under %q", key)
		}
	}
}

// TestThrottleOnPostgreSQL counts side by side on the other database.
func TestThrottleOnPostgreSQL(t *testing.T) {
	t.Parallel()
	d := tables.Open(t, testkit.Postgres(t), "")
	throttle, err := NewThrottle(d, 3, lockout)
	if err != nil {
		t.Fatal(err)
	}
	a := newAttempt("ann", netip.MustParseAddr("192.0.2.1"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := throttle.failed(t.Context(), a, false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var row loginFailure
	if err := d.Read(t.Context()).Take(&row, "key_hash = ?", a.pair).Error; err != nil || row.Failures != 8 {
		t.Errorf("%+v, %v", row, err)
	}
	s, err := throttle.standing(t.Context(), a)
	if err != nil || s.pair <= 0 || s.wide > 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := throttle.succeeded(t.Context(), a, s); err != nil {
		t.Fatal(err)
	}
	if s, err = throttle.standing(t.Context(), a); err != nil || s.pair > 0 || s.seen == nil || s.failed {
		t.Errorf("%+v, %v", s, err)
	}
	users := NewUsers(d, NewHasher())
	ann, err := users.CreateUser(t.Context(), User{Username: "ann", IsActive: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	tokens := (&fixture{users: users}).tokens(t, 0)
	row2, text, err := tokens.CreateToken(t.Context(), NewToken{User: ann, Name: "x", Scope: anything()})
	if err != nil {
		t.Fatal(err)
	}
	if user, err := tokens.Token(t.Context(), text); err != nil || user.TokenID != row2.ID || len(user.Scope.Permissions) != 1 {
		t.Errorf("%v, %v", user, err)
	}
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_users").Error }); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context(), text); !errs.Is(err, errs.Unauthenticated) {
		t.Error(err)
	}
}

// TestWaysToWriteANameShareTheirGuesses: a directory takes them for one person.
func TestWaysToWriteANameShareTheirGuesses(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("192.0.2.1")
	ann := newAttempt("ann smith", here)
	for _, name := range []string{"Ann Smith", "ANN SMITH", " ann smith", "ann  smith ", "\uff41nn smith", "ann\u00a0smith"} {
		if newAttempt(name, here) != ann {
			t.Errorf("%q has guesses of its own", name)
		}
	}
	if newAttempt("annsmith", here) == ann {
		t.Error("two names share their guesses")
	}
}
