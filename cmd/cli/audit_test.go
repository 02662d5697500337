package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/audit"
)

// TestAuditCommands: what commands change is in the log, and the log can be read, checked and shortened.
func TestAuditCommands(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("user", "create", "ann", "--random")
	b.stdin = "short\n"
	b.fails(exitFailed, []string{"too short"}, "user", "set-password", "ann", "--stdin")
	b.ok("user", "list")
	b.ok("user", "delete", "ann")
	lines := strings.Split(strings.TrimSpace(b.ok("audit", "export")), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d entries: %s", len(lines), lines)
	}
	for i, want := range []struct{ action, reason string }{{"user_create", ""}, {"user_set-password", "invalid"}, {"user_delete", ""}} {
		var e audit.Entry
		mustJSON(t, lines[i], &e)
		if e.Action != want.action || e.Reason != want.reason || e.Object != "prn:auth.user:2" || e.User == "" || e.Via != "command line" || e.Method != "COMMAND" {
			t.Errorf("%+v", e)
		}
	}
	head := lastWord(b.ok("audit", "verify"))
	b.ok("audit", "verify", "--head", head)
	b.fails(exitFailed, []string{"not as it was written"}, "audit", "verify", "--head", "9:"+strings.Repeat("0", 64))
	b.fails(exitMisused, []string{"--head"}, "audit", "verify", "--head", "x")
	b.fails(exitMisused, []string{"--days"}, "audit", "prune")
	b.ok("audit", "prune", "--days", "1")
	var newest audit.Entry
	mustJSON(t, b.ok("audit", "list", "--limit", "1", "--format", "json"), &newest)
	if newest.Action != "audit_prune" {
		t.Errorf("%+v", newest)
	}
	if got := b.ok("audit", "list"); !strings.Contains(got, "user_set-password") || !strings.Contains(got, "invalid") {
		t.Errorf("the table is\n%s", got)
	}
	var report audit.Report
	if err := json.Unmarshal([]byte(b.ok("audit", "verify", "--format", "json")), &report); err != nil || !report.OK || report.Entries != 4 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestCommandsThatGiveRightsAreRecorded: whoever may write to the database leaves a trace with these commands too.
func TestCommandsThatGiveRightsAreRecorded(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("user", "create", "ann", "--random")
	commands := [][]string{
		{"user", "set-superuser", "ann"}, {"user", "set-superuser", "ann", "--off"}, {"user", "deactivate", "ann"}, {"user", "activate", "ann"},
		{"group", "create", "packers"}, {"group", "add", "packers", "ann"}, {"role", "create", "lookers", "file.view_filerepository"},
		{"role", "set", "lookers", "file.view_fileremote"}, {"role", "assign", "lookers", "--user", "ann"}, {"role", "unassign", "lookers", "--user", "ann"},
		{"role", "delete", "lookers"}, {"group", "remove", "packers", "ann"}, {"group", "delete", "packers"}, {"keys", "rotate"},
	}
	for _, words := range commands {
		b.ok(words...)
	}
	lines := strings.Split(strings.TrimSpace(b.ok("audit", "export", "--after", "1")), "\n")
	if len(lines) != len(commands) {
		t.Fatalf("%d entries for %d commands: %s", len(lines), len(commands), lines)
	}
	for i, words := range commands {
		var e audit.Entry
		mustJSON(t, lines[i], &e)
		if e.Action != words[0]+"_"+words[1] || e.Reason != "" {
			t.Errorf("%v is recorded as %+v", words, e)
		}
	}
}

func lastWord(text string) string {
	words := strings.Fields(text)
	return words[len(words)-1]
}
