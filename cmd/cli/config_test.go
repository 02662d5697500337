package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/config"
)

func TestConfigShow(t *testing.T) {
	t.Parallel()
	b := newBed(t, "PACKHOUSE_STORAGE__S3__SECRET_KEY=hunter2", "PACKHOUSE_STORAGE__S3__ACCESS_KEY=key", "PACKHOUSE_PAGE_SIZE=7")
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("log:\n  level: warn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := b.ok("config", "show", "--origin", "--config", file, "--set", "log.format=json")
	for _, line := range [][]string{
		{"page_size", "7", "PACKHOUSE_PAGE_SIZE"}, {"log.level", "warn", file + ":2"}, {"log.format", "json", "--set log.format"},
		{"storage.s3.secret_key", config.Mask, "PACKHOUSE_STORAGE__S3__SECRET_KEY"}, {"storage.s3.region", "us-east-1", "default"},
	} {
		found := false
		for have := range strings.SplitSeq(got, "\n") {
			found = found || strings.Join(strings.Fields(have), " ") == strings.Join(line, " ")
		}
		if !found {
			t.Errorf("no line %v in\n%s", line, got)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Error("it shows a secret")
	}
	if got := b.ok("config", "show", "log"); got != "log.level   info\nlog.format  text\n" {
		t.Errorf("the section log is %q", got)
	}
	var rows []config.Row
	mustJSON(t, b.ok("config", "show", "page_size", "--format", "json"), &rows)
	if len(rows) != 1 || rows[0].Value != 7.0 || rows[0].Origin.Where != "PACKHOUSE_PAGE_SIZE" || rows[0].Default {
		t.Errorf("%+v", rows)
	}
	if got := b.ok("config", "explain", "page_size", "--set", "page_size=8"); strings.Join(strings.Fields(got), " ") !=
		"default set 100 PACKHOUSE_PAGE_SIZE set 7 --set page_size set 8" {
		t.Error(got)
	}
}

func TestConfigFaultsComeTogether(t *testing.T) {
	t.Parallel()
	b := newBed(t, "PACKHOUSE_PAGE_SIZ=7")
	b.fails(exitFailed, []string{"PACKHOUSE_PAGE_SIZ", "did you mean PACKHOUSE_PAGE_SIZE?", "--set page_size", "whole number", "--set nonsense.key"},
		"config", "show", "--set", "page_size=many", "--set", "nonsense.key=1")
	b.environ = b.environ[:1]
	b.fails(exitFailed, []string{`did you mean "storage.s3.region"?`}, "config", "show", "storage.s3.regio")
	b.fails(exitFailed, []string{`did you mean "log.level"?`}, "config", "explain", "level")
	b.fails(exitFailed, []string{"packhouse config show"}, "config", "explain", "nothing.like.it")
}
