package federation

import (
	"log/slog"
	"testing"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestWhatALogInChangesIsRecorded: a request that only reads leaves no line, but the log-in before it may have made a
// user or a superuser.
func TestWhatALogInChangesIsRecorded(t *testing.T) {
	t.Parallel()
	b := newBed(t, testkit.SQLite(t))
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Options{DB: b.db, Box: box, Process: "test", Log: slog.New(slog.DiscardHandler)})
	source, yes := Source{Origin: "ldap", Create: true}, true
	for _, c := range []struct {
		what    string
		profile Profile
		lines   int64
	}{
		{"the first log-in", Profile{Username: "ann"}, 1},
		{"another one", Profile{Username: "ann"}, 1},
		{"one that makes a superuser", Profile{Username: "ann", Superuser: &yes}, 2},
		{"the one after it", Profile{Username: "ann", Superuser: &yes}, 2},
	} {
		draft := log.Begin(audit.Entry{Method: "GET", Action: "list"}, false, nil)
		user, err := b.accounts.ByName(draft.Carry(t.Context()), source, c.profile)
		if err != nil {
			t.Fatal(err)
		}
		draft.End(t.Context(), 200, "")
		var n int64
		err = b.db.Read(t.Context()).Table("core_audit_entries").Where("user_id = ? AND via = 'ldap' AND object = 'prn:auth.user:1'", user.ID).Count(&n).Error
		if err != nil || n != c.lines {
			t.Errorf("%s: %d lines, want %d, %v", c.what, n, c.lines, err)
		}
	}
}
