package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	wantFindings(t, b.run("check"), 1, "✓ settings", "✗ database", "✗ migrations", "✓ redis", "✗ storage", "✗ key file", "✓ digests", "✓ access")
	if entries, err := os.ReadDir(b.data); err != nil || len(entries) != 0 {
		t.Errorf("checking made %v, %v", entries, err)
	}
	b.ok("migrate")
	wantFindings(t, b.run("check"), 0, "✓ settings", "✓ database", "✓ migrations", "✓ redis", "✓ storage", "✓ key file", "✓ digests", "✓ access")
	if left, err := filepath.Glob(filepath.Join(b.data, "media", "check", "*")); err != nil || len(left) != 0 {
		t.Errorf("the probe was left: %v, %v", left, err)
	}
	for set, says := range map[string]string{
		`authorizers=[{"name":"a","type":"nope"}]`: `there is no type "nope"`,
		`authorizers=[{"name":"a","type":"group_required","parameters":{"file.filerepo":{"delete":["packers"]}}}]`: `there is nothing called "file.filerepo"`,
	} {
		if got := b.run("check", "--set", set); got.code != 1 || !strings.Contains(got.stdout, "✗ access") || !strings.Contains(got.stdout, says) {
			t.Errorf("%s: %d %s", set, got.code, got.stdout)
		}
	}
	if err := os.Chmod(filepath.Join(b.data, "keys", "database.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := b.run("check", "--set", "redis_url=redis://127.0.0.1:1", "--set", "storage.location="+b.data+"/elsewhere")
	wantFindings(t, got, 1, "✓ settings", "✓ database", "✓ migrations", "✗ redis", "✗ storage", "✗ key file", "✓ digests", "✓ access")
	if !strings.Contains(got.stdout, "chmod 0600") {
		t.Errorf("it does not say what to do: %s", got.stdout)
	}
}

func wantFindings(t *testing.T, got outcome, code int, starts ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	if got.code != code || len(lines) != len(starts) {
		t.Fatalf("exit %d:\n%s", got.code, got.stdout)
	}
	for i, start := range starts {
		if !strings.HasPrefix(lines[i], start+": ") {
			t.Errorf("line %d does not begin with %q: %s", i+1, start, lines[i])
		}
	}
}

func TestCheckTellsAllFaultsOfTheSettings(t *testing.T) {
	t.Parallel()
	got := newBed(t, "PACKHOUSE_PAGE_SIZE=0").run("check", "--format", "json", "--set", "log.level=LOUD")
	var findings []finding
	mustJSON(t, got.stdout, &findings)
	if got.code != exitFailed || len(findings) != 2 {
		t.Fatalf("exit %d: %+v", got.code, findings)
	}
	for i, origin := range []string{"PACKHOUSE_PAGE_SIZE: ", "--set log.level: "} {
		if findings[i].OK || findings[i].Name != "settings" || !strings.HasPrefix(findings[i].Detail, origin) {
			t.Errorf("%+v does not say %s", findings[i], origin)
		}
	}
}
