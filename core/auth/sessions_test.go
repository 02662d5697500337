package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

func (f *fixture) sessions(t *testing.T, life time.Duration) *Sessions {
	t.Helper()
	s, err := NewSessions(f.users, life)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSessionLives(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.sessions(t, time.Hour)
	ann, bob := f.user(t, "ann"), f.user(t, "bob")
	key, csrf, expires, err := s.Login(t.Context(), ann)
	if err != nil || !expires.Equal(f.clock.now().Add(time.Hour)) {
		t.Fatalf("login: %v, %v", expires, err)
	}
	bobKey, bobCSRF, _, err := s.Login(t.Context(), bob)
	if err != nil || bobKey == key || bobCSRF == csrf || csrf == key {
		t.Fatalf("two sessions share their tokens, or %v", err)
	}
	user, token, err := s.Session(t.Context(), key)
	if err != nil || user.ID != ann.ID || token != csrf {
		t.Fatalf("session of %v with token %q, %v", user, token, err)
	}
	if user.LastLogin == nil || !user.LastLogin.Equal(f.clock.now()) {
		t.Errorf("last login %v", user.LastLogin)
	}
	var rows []Session
	if err := f.db.Read(t.Context()).Find(&rows).Error; err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if strings.Contains(row.KeyHash+row.PasswordMark, key) || row.PasswordMark == ann.Password {
			t.Error("the row holds what opens the session")
		}
	}
	if _, _, err := s.Session(t.Context(), rows[0].KeyHash); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("the stored hash was taken for a key: %v", err)
	}
	if err := s.Logout(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := s.Logout(t.Context(), key); err != nil {
		t.Errorf("second logout: %v", err)
	}
	if _, _, err := s.Session(t.Context(), key); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("after logout: %v", err)
	}
	if user, _, err := s.Session(t.Context(), bobKey); err != nil || user.ID != bob.ID {
		t.Errorf("the other session ended too: %v, %v", user, err)
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, f *fixture, id int64){
		"expired": func(_ *testing.T, f *fixture, _ int64) { f.clock.forward(time.Hour) },
		"password changed": func(t *testing.T, f *fixture, id int64) {
			if err := f.users.SetPassword(t.Context(), id, goodPassword); err != nil {
				t.Fatal(err)
			}
		},
		"password disabled": func(t *testing.T, f *fixture, id int64) {
			if err := f.users.DisablePassword(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		},
		"deactivated": func(t *testing.T, f *fixture, id int64) {
			if err := f.db.InTx(t.Context(), deactivate(id)); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, f *fixture, id int64) {
			if err := f.users.DeleteUser(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			user := f.user(t, "ann")
			s := f.sessions(t, time.Hour)
			key, _, _, err := s.Login(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			f.clock.forward(time.Hour - time.Microsecond)
			if _, _, err := s.Session(t.Context(), key); err != nil {
				t.Fatalf("before: %v", err)
			}
			f.clock.forward(-time.Hour + time.Microsecond)
			end(t, f, user.ID)
			got, csrf, err := s.Session(t.Context(), key)
			if got != nil || csrf != "" || !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("after: %v, %q, %v", got, csrf, err)
			}
		})
	}
}

func TestSessionOfUnknownKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.sessions(t, time.Hour)
	for _, key := range []string{"", "x", "\x00", strings.Repeat("k", 1<<16)} {
		if _, _, err := s.Session(t.Context(), key); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%.10q: %v", key, err)
		}
	}
	if _, err := NewSessions(f.users, 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("a life of nothing: %v", err)
	}
}

func TestLoginRefusesWhoMayNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.sessions(t, time.Hour)
	idle, gone := f.user(t, "idle"), f.user(t, "gone")
	if err := f.db.InTx(t.Context(), deactivate(idle.ID)); err != nil {
		t.Fatal(err)
	}
	if err := f.users.DeleteUser(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for _, user := range []*User{idle, gone} {
		if key, _, _, err := s.Login(t.Context(), user); key != "" || !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: %q, %v", user, key, err)
		}
	}
}

// The password changes between the check and the log-in: the session must not outlive the old password.
func TestLoginWithStaleUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.sessions(t, time.Hour)
	stale := f.user(t, "ann")
	if err := f.users.SetPassword(t.Context(), stale.ID, "another green boat"); err != nil {
		t.Fatal(err)
	}
	key, _, _, err := s.Login(t.Context(), stale)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), key); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("got %v", err)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := f.user(t, "ann")
	short, long := f.sessions(t, time.Minute), f.sessions(t, time.Hour)
	for range 3 {
		if _, _, _, err := short.Login(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	key, _, _, err := long.Login(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		forward time.Duration
		gone    int64
	}{{0, 0}, {time.Minute - time.Microsecond, 0}, {time.Microsecond, 3}, {0, 0}} {
		f.clock.forward(step.forward)
		if gone, err := short.Purge(t.Context()); gone != step.gone || err != nil {
			t.Errorf("at %s: purged %d, %v; want %d", f.clock.now(), gone, err, step.gone)
		}
	}
	if _, _, err := long.Session(t.Context(), key); err != nil {
		t.Errorf("a living session was purged: %v", err)
	}
}

func TestCheckCSRF(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cookie, header string
		want           errs.Kind
	}{{"abc", "abc", ""}, {"abc", "abd", errs.Forbidden}, {"abc", "ab", errs.Forbidden}, {"abc", "", errs.Forbidden}, {"", "abc", errs.Forbidden}, {"", "", errs.Forbidden}} {
		err := CheckCSRF(c.cookie, c.header)
		if errs.KindOf(err) != c.want {
			t.Errorf("%q and %q: %v", c.cookie, c.header, err)
		}
		if err != nil && c.cookie != "" && strings.Contains(err.Error(), "abc") {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}
