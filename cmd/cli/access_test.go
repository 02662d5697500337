package cli

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/api"
)

func TestGroupsAndRoles(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("user", "create", "ann", "--random")
	b.ok("group", "create", "packers")
	b.fails(exitFailed, []string{"name: ", "unique"}, "group", "create", "packers")
	b.fails(exitFailed, []string{"no such user"}, "group", "add", "packers", "bob")
	b.ok("group", "add", "packers", "ann")
	if got := b.ok("group", "list"); got != "ID  NAME     USERS\n1   packers  ann\n" {
		t.Errorf("the groups are %s", got)
	}
	b.fails(exitFailed, []string{"file.fly"}, "role", "create", "lookers", "file.fly")
	b.ok("role", "create", "lookers", "file.view_filerepository")
	b.ok("role", "set", "lookers", "file.view_filerepository", "file.sync_filerepository", "--description", "d")
	b.fails(exitFailed, []string{"locked"}, "role", "set", "core.domain_admin", "file.view_filerepository")
	b.fails(exitFailed, []string{"locked"}, "role", "delete", "core.domain_admin")
	b.fails(exitFailed, []string{"creation hooks"}, "role", "delete", "core.group_owner")
	b.fails(exitMisused, []string{"--user", "--group"}, "role", "assign", "lookers")
	b.ok("role", "assign", "lookers", "--group", "packers", "--domain", "default")
	b.fails(exitFailed, []string{"domain: ", "nowhere"}, "role", "assign", "lookers", "--group", "packers", "--domain", "nowhere")
	b.fails(exitFailed, []string{"no permission"}, "role", "assign", "lookers", "--user", "ann", "--object", "prn:core.group:1")
	b.ok("role", "assign", "core.group_viewer", "--user", "ann", "--object", "/pulp/api/v3/groups/1/")
	var full personInFull
	mustJSON(t, b.ok("user", "show", "ann", "--format", "json"), &full)
	if len(full.Groups) != 1 || len(full.Roles) != 1 || full.Roles[0].Object != "prn:core.group:1" {
		t.Errorf("ann is %+v", full)
	}
	b.ok("role", "unassign", "core.group_viewer", "--user", "ann", "--object", "prn:core.group:1")
	b.fails(exitFailed, []string{"not assigned"}, "role", "unassign", "core.group_viewer", "--user", "ann", "--object", "prn:core.group:1")
	if got := b.ok("role", "show", "lookers"); !strings.Contains(got, `"group": "packers"`) || !strings.Contains(got, "file.sync_filerepository") {
		t.Errorf("the role is %s", got)
	}
	b.ok("role", "delete", "lookers")
	b.ok("group", "remove", "packers", "ann")
	b.ok("group", "delete", "packers")
	b.fails(exitFailed, []string{"no such group"}, "group", "delete", "packers")
}

func TestTheLastSuperuserStays(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("user", "create", "ann", "--random")
	for _, args := range [][]string{{"user", "deactivate", "admin"}, {"user", "set-superuser", "admin", "--off"}, {"user", "delete", "admin"}} {
		b.fails(exitFailed, []string{"last active superuser"}, args...)
	}
	b.ok("user", "set-superuser", "ann")
	b.ok("user", "deactivate", "admin")
	b.fails(exitFailed, []string{"last active superuser"}, "user", "deactivate", "ann")
	b.ok("user", "activate", "admin")
	b.ok("user", "delete", "ann")
}

func TestAccessWhy(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("user", "create", "ann", "--random")
	b.ok("group", "create", "packers")
	const team, none = "/pulp/api/v3/groups/1/", "/pulp/api/v3/groups/7/"
	for _, one := range []struct {
		user, method, path string
		outcome            api.Outcome
		code               int
		text               string
	}{
		{"ann", "GET", "/pulp/api/v3/groups/", api.Allowed, 0, "group"},
		{"ann", "GET", team, api.Hidden, 1, "may not see it"},
		{"ann", "GET", none, api.Missing, 1, "nothing"},
		{"admin", "GET", none, api.Missing, 1, "nothing"},
		{"admin", "delete", team, api.Allowed, 0, "superuser"},
		{"ann", "POST", "/pulp/api/v3/groups/", api.Refused, 1, "no role gives it"},
		{"ann", "GET", "/pulp/api/v3/users/", api.Refused, 1, "admin"},
		{"anonymous", "GET", team, api.NotLoggedIn, 1, "credentials"},
		{"ann", "GET", "/pulp/api/v3/nothing/", api.NoRoute, 1, "no operation"},
		{"admin", "POST", "/pulp/api/v3/content/file/files/", api.Depends, 0, "the body"},
	} {
		var why api.Explanation
		got := b.run("access", "why", one.user, one.method, one.path, "--json")
		mustJSON(t, got.stdout, &why)
		text := b.run("access", "why", one.user, one.method, one.path)
		if got.code != one.code || why.Outcome != one.outcome || text.code != one.code || !strings.Contains(text.stdout, one.text) {
			t.Errorf("%+v: exit %d, %+v\n%s%s", one, got.code, why, text.stdout, text.stderr)
		}
	}
	b.ok("role", "assign", "core.group_viewer", "--user", "ann", "--object", "prn:core.group:1")
	if got := b.run("access", "why", "ann", "GET", team); got.code != 0 || !strings.Contains(got.stdout, "role core.group_viewer on the object") {
		t.Errorf("%+v", got)
	}
	if got := b.run("access", "why", "ann", "DELETE", team); got.code != 1 || !strings.Contains(got.stdout, "forbidden") {
		t.Errorf("%+v", got)
	}
	b.ok("user", "deactivate", "ann")
	if got := b.run("access", "why", "ann", "GET", team); got.code != 1 || !strings.Contains(got.stdout, "ann is deactivated") {
		t.Errorf("%+v", got)
	}
}
