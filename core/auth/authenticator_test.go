package auth

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

func TestBasicCostsTheSameForAllRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.authenticator(t, MaxRemember)
	f.user(t, "ann")
	f.user(t, "idle")
	f.exec(t, "UPDATE core_users SET is_active = false WHERE username = 'idle'")
	if _, err := f.users.CreateUser(t.Context(), User{Username: "bare", IsActive: true}, ""); err != nil {
		t.Fatal(err)
	}
	var words string
	for _, c := range []struct{ name, password string }{
		{"ann", "wrong password"}, {"ann", ""}, {"nobody", goodPassword}, {"ANN", goodPassword}, {"", ""}, {"idle", goodPassword},
		{"idle", "wrong password"}, {"bare", ""}, {"bare", goodPassword}, {"with\x00nul", goodPassword}, {"\xff\xfe", goodPassword},
	} {
		// Twice: a refusal must not be remembered either.
		for range 2 {
			if n := f.cost(t, a, c.name, c.password, errs.Unauthenticated); n != 1 {
				t.Errorf("%q with %q computed %d hashes, want 1", c.name, c.password, n)
			}
		}
		_, err := a.Basic(t.Context(), c.name, c.password)
		if words == "" {
			words = err.Error()
		}
		if err.Error() != words {
			t.Errorf("%q: the message differs: %q and %q", c.name, err, words)
		}
	}
	if user, err := a.Basic(t.Context(), "ann", goodPassword); err != nil || user.Username != "ann" {
		t.Errorf("the right password: %v, %v", user, err)
	}
}

func TestRememberedCredentialExpires(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	a := f.authenticator(t, time.Minute)
	for _, step := range []struct {
		forward time.Duration
		hashes  int64
	}{{0, 1}, {0, 0}, {30 * time.Second, 0}, {29 * time.Second, 0}, {time.Second, 1}, {59 * time.Second, 0}, {time.Hour, 1}} {
		f.clock.forward(step.forward)
		if n := f.cost(t, a, "ann", goodPassword, ""); n != step.hashes {
			t.Fatalf("at %s: %d hashes, want %d", f.clock.now(), n, step.hashes)
		}
	}
	if n := f.cost(t, a, "ann", goodPassword+" ", errs.Unauthenticated); n != 1 {
		t.Errorf("a wrong password beside a remembered one: %d hashes, want 1", n)
	}
}

func TestRememberSetting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	off := f.authenticator(t, 0)
	for range 2 {
		if n := f.cost(t, off, "ann", goodPassword, ""); n != 1 {
			t.Errorf("remembering is off, yet %d hashes", n)
		}
	}
	for _, d := range []time.Duration{-1, MaxRemember + 1} {
		if _, err := NewAuthenticator(f.users, d); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: got %v", d, err)
		}
	}
}

// Each change is made by another process: the first learns of it by nothing but the row.
func TestChangesElsewhereCountAtOnce(t *testing.T) {
	t.Parallel()
	const next = "eight yellow boats"
	for name, c := range map[string]struct {
		change func(ctx context.Context, other *Users, id int64) error
		opens  string
	}{
		"password": {func(ctx context.Context, o *Users, id int64) error { return o.SetPassword(ctx, id, next) }, next},
		"same password again": {func(ctx context.Context, o *Users, id int64) error {
			return o.SetPassword(ctx, id, goodPassword)
		}, goodPassword},
		"no password": {func(ctx context.Context, o *Users, id int64) error { return o.DisablePassword(ctx, id) }, ""},
		"deleted":     {func(ctx context.Context, o *Users, id int64) error { return o.DeleteUser(ctx, id) }, ""},
		"deactivated": {func(ctx context.Context, o *Users, id int64) error {
			return o.db.InTx(ctx, deactivate(id))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			user := f.user(t, "ann")
			a := f.authenticator(t, MaxRemember)
			f.cost(t, a, "ann", goodPassword, "")
			other, _ := f.process()
			if err := c.change(t.Context(), other, user.ID); err != nil {
				t.Fatal(err)
			}
			if c.opens != goodPassword {
				f.cost(t, a, "ann", goodPassword, errs.Unauthenticated)
			}
			if c.opens != "" {
				if n := f.cost(t, a, "ann", c.opens, ""); n != 1 {
					t.Errorf("the new password cost %d hashes, want 1", n)
				}
			}
		})
	}
}

func TestRecreatedUserIsNotTheOldOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.authenticator(t, MaxRemember)
	user := f.user(t, "ann")
	f.cost(t, a, "ann", goodPassword, "")
	if err := f.users.DeleteUser(t.Context(), user.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.users.CreateUser(t.Context(), User{Username: "ann", IsActive: true}, "another green boat"); err != nil {
		t.Fatal(err)
	}
	f.cost(t, a, "ann", goodPassword, errs.Unauthenticated)
}

func TestUnreadableHashIsAFault(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	f.exec(t, "UPDATE core_users SET password = 'plain'")
	f.cost(t, f.authenticator(t, 0), "ann", "plain", errs.Internal)
}

func TestVerifiedIsBounded(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(0, 0)}
	v := newVerified(time.Minute, c.now)
	id := func(n int64) digest { return v.digest(n, "hash", "password") }
	for n := range int64(maxVerified + 10) {
		v.add(id(n), c.now())
		v.add(id(n), c.now())
	}
	if len(v.at) != maxVerified || v.order.Len() != maxVerified {
		t.Fatalf("%d and %d entries, want %d", len(v.at), v.order.Len(), maxVerified)
	}
	if v.has(id(9)) || !v.has(id(10)) || !v.has(id(maxVerified+9)) {
		t.Error("not the oldest were forgotten")
	}
	c.forward(time.Minute)
	v.add(id(-1), c.now())
	if len(v.at) != 1 || v.order.Len() != 1 {
		t.Errorf("%d entries are left after their time", len(v.at)-1)
	}
}

func TestDigestKeepsPartsApart(t *testing.T) {
	t.Parallel()
	v := newVerified(time.Minute, time.Now)
	seen := map[digest]string{}
	for _, c := range []struct {
		id               int64
		stored, password string
	}{{1, "ab", "c"}, {1, "a", "bc"}, {1, "", "abc"}, {1, "abc", ""}, {2, "ab", "c"}, {0, "ab", "c"}} {
		name := fmt.Sprint(c)
		if other, twice := seen[v.digest(c.id, c.stored, c.password)]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[v.digest(c.id, c.stored, c.password)] = name
	}
	if newVerified(time.Minute, time.Now).digest(1, "a", "b") == v.digest(1, "a", "b") {
		t.Error("two processes make the same digest")
	}
}
