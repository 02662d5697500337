package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/ident"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.fails(exitMisused, []string{"--stdin", "no password"}, "user", "create", "ci", "--service-account", "--random")
	b.ok("user", "create", "ci", "--service-account")
	b.fails(exitFailed, []string{"service account", "token"}, "user", "set-password", "ci", "--random")
	b.fails(exitMisused, []string{"--user", "--permission"}, "token", "create", "nightly", "--user", "ci")
	b.fails(exitFailed, []string{"no such user"}, "token", "create", "nightly", "--user", "nobody", "--permission", "*.*")
	b.fails(exitFailed, []string{"permissions: "}, "token", "create", "nightly", "--user", "ci", "--permission", "everything")
	b.fails(exitFailed, []string{"domain: ", "nowhere"}, "token", "create", "nightly", "--user", "ci", "--permission", "*.*", "--domain", "nowhere")
	b.fails(exitMisused, []string{"--expires-in \"soon\" is not understood", "30d"}, "token", "create", "nightly", "--user", "ci", "--permission", "*.*", "--expires-in", "soon")
	object := "prn:file.filerepository:019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e"
	made := b.run("token", "create", "nightly", "--user", "ci", "--permission", "file.view_*", "--permission", "file.add_*", "--expires-in", "30d", "--domain", "default", "--object", object)
	text := strings.TrimSuffix(made.stdout, "\n")
	if made.code != 0 || !auth.IsToken(text) || strings.Contains(made.stderr, text) {
		t.Fatalf("%+v", made)
	}
	var all []shownToken
	mustJSON(t, b.ok("token", "list", "--user", "ci", "--format", "json"), &all)
	if len(all) != 1 || all[0].Name != "nightly" || all[0].Username != "ci" || len(all[0].Scope.Permissions) != 2 || !slices.Equal(all[0].Scope.Domains, []string{ident.DefaultDomain}) || all[0].ExpiresAt == nil || all[0].LastUsedAt != nil {
		t.Fatalf("%+v", all)
	}
	if got := b.ok("token", "list"); !strings.Contains(got, "nightly  ci    file.view_* file.add_*  domain default, "+object+"  20") || strings.Contains(got, text) {
		t.Errorf("the table is\n%s", got)
	}
	mustJSON(t, b.ok("token", "list", "--user", "admin", "--format", "json"), &all)
	if len(all) != 0 {
		t.Errorf("the tokens of another user: %+v", all)
	}
	b.fails(exitFailed, []string{"no such user"}, "token", "list", "--user", "nobody")
	id := func() string {
		mustJSON(t, b.ok("token", "list", "--format", "json"), &all)
		return all[0].ID
	}()
	b.ok("token", "revoke", id)
	b.fails(exitFailed, []string{"no such token"}, "token", "revoke", id)
}
