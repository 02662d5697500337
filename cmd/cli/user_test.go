package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.fails(exitFailed, []string{"there is no database", "packhouse migrate"}, "user", "list")
	b.ok("migrate")
	b.stdin = "seven green boats\nwhat follows is not read\n"
	b.ok("user", "create", "ann", "--email", "ann@example.org", "--stdin")
	b.fails(exitFailed, []string{"username: ", "already exists"}, "user", "create", "ann", "--stdin")
	var all []shownUser
	mustJSON(t, b.ok("user", "list", "--format", "json"), &all)
	if len(all) != 2 || all[0].Username != "admin" || !all[0].IsSuperuser || all[1].Username != "ann" || all[1].Email != "ann@example.org" || all[1].IsSuperuser || all[1].Origin != "local" {
		t.Errorf("the users are %+v", all)
	}
	if got := b.ok("user", "list"); !strings.Contains(got, "ann@example.org  local   user\n") || !strings.Contains(got, "superuser\n") {
		t.Errorf("the table is\n%s", got)
	}
	b.ok("user", "delete", "ann")
	b.fails(exitFailed, []string{"no such user"}, "user", "delete", "ann")
	b.fails(exitFailed, []string{"no such user"}, "user", "set-password", "ann", "--random")
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	first := filepath.Join(b.data, "admin-password")
	b.stdin = "short\n"
	b.fails(exitFailed, []string{"password: ", "too short"}, "user", "set-password", "admin", "--stdin")
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the first password was forgotten too early: %v", err)
	}
	b.stdin = "\n"
	b.fails(exitFailed, []string{"empty"}, "user", "set-password", "admin", "--stdin")
	b.fails(exitMisused, []string{"--stdin", "--random"}, "user", "set-password", "admin")
	got := b.run("user", "set-password", "admin", "--random")
	if password := strings.TrimSuffix(got.stdout, "\n"); got.code != 0 || len(password) != 26 || strings.Contains(got.stderr, password) {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(first); err == nil {
		t.Error("the file with the first password is still there")
	}
}

func TestSetPasswordAsksTwice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	var prompts []string
	answers := []string{"seven green boats", "seven green boots", "seven green boats", "seven green boats"}
	b.ask = func(_ context.Context, prompt string) (string, error) {
		prompts = append(prompts, prompt)
		return answers[len(prompts)-1], nil
	}
	b.fails(exitFailed, []string{"differ"}, "user", "set-password", "admin")
	b.ok("user", "set-password", "admin")
	if len(prompts) != 4 {
		t.Errorf("it asked %q", prompts)
	}
}
