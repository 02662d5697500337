package auth

import (
	"context"
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
