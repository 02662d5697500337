package auth

import (
	"log/slog"
	"testing"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/secret"
)

// TestAUserWhomAProxyMakesIsRecorded, though the request only reads.
func TestAUserWhomAProxyMakesIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	i := f.identifier(t)
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Options{DB: f.db, Box: box, Process: "test", Log: slog.New(slog.DiscardHandler)})
	for range 2 { // the second time nobody is made
		draft := log.Begin(audit.Entry{Method: "GET", Action: "list"}, false, nil)
		user, err := i.Identify(draft.Carry(t.Context()), request{peer: proxy, header: map[string][]string{"Remote-User": {"new"}}})
		if err != nil {
			t.Fatal(err)
		}
		draft.By(user.ID, user.Username, user.Via)
		draft.End(t.Context(), 200, "")
	}
	var lines []string
	if err := f.db.Read(t.Context()).Table("core_audit_entries").Pluck("username", &lines).Error; err != nil || len(lines) != 1 || lines[0] != "new" {
		t.Errorf("the log has %q, %v", lines, err)
	}
}
