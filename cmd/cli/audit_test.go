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
	for _, limit := range []string{"0", "10001"} {
		b.fails(exitMisused, []string{"out of range", "1 to 10000"}, "audit", "list", "--limit", limit)
	}
	b.fails(exitMisused, []string{`--limit "x" is not understood; give a whole number`}, "audit", "list", "--limit", "x")
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
	const ann, packers = "prn:auth.user:2", "prn:core.group:1"
	commands := []struct {
		words  string
		object string
	}{
		{"user set-superuser ann", ann}, {"user set-superuser ann --off", ann}, {"user deactivate ann", ann}, {"user activate ann", ann},
		{"group create packers", packers}, {"group add packers ann", packers + " " + ann}, {"role create lookers file.view_filerepository", "the role"},
		{"role set lookers file.view_fileremote", "the role"}, {"role assign lookers --user ann", ann}, {"role unassign lookers --user ann", ann},
		{"role delete lookers", "the role"}, {"group remove packers ann", packers + " " + ann}, {"group delete packers", packers}, {"keys rotate", ""},
	}
	role := ""
	for _, c := range commands {
		b.ok(strings.Fields(c.words)...)
	}
	lines := strings.Split(strings.TrimSpace(b.ok("audit", "export", "--after", "1")), "\n")
	if len(lines) != len(commands) {
		t.Fatalf("%d entries for %d commands: %s", len(lines), len(commands), lines)
	}
	for i, c := range commands {
		var e audit.Entry
		mustJSON(t, lines[i], &e)
		switch {
		case c.object == "the role" && role == "" && strings.HasPrefix(e.Object, "prn:core.role:"):
			role, e.Object = e.Object, c.object
		case c.object == "the role" && e.Object == role && role != "":
			e.Object = c.object
		}
		words := strings.Fields(c.words)
		if e.Action != words[0]+"_"+words[1] || e.Reason != "" || e.Object != c.object {
			t.Errorf("%v is recorded as %+v", words, e)
		}
	}
}

// TestWhatACommandFailsToMakeIsNotNamed: an entry names no object that never was.
func TestWhatACommandFailsToMakeIsNotNamed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("group", "create", "packers")
	b.fails(exitFailed, []string{"name"}, "group", "create", "packers")
	b.fails(exitFailed, []string{"name"}, "role", "create", "core.domain_admin", "file.view_filerepository")
	b.fails(exitFailed, []string{"locked"}, "role", "set", "core.domain_admin", "file.view_filerepository")
	b.fails(exitFailed, []string{"no such user"}, "group", "add", "packers", "bob")
	lines := strings.Split(strings.TrimSpace(b.ok("audit", "export", "--after", "1")), "\n")
	for i, want := range []string{"", "", "", "prn:core.group:1"} {
		var e audit.Entry
		mustJSON(t, lines[i], &e)
		if e.Object != want || e.Reason == "" {
			t.Errorf("%+v, want the object %q", e, want)
		}
	}
}

func lastWord(text string) string {
	words := strings.Fields(text)
	return words[len(words)-1]
}
