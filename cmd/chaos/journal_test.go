package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalsAreReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		j, err := openJournal(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		j.begun("1")
		j.returned("1", nil)
		j.returned("2", os.ErrInvalid)
		j.committed("3")
		j.violated("4", "is amiss")
		if err := j.file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	n, err := readJournals(dir)
	if err != nil || n.begun["1"] != 2 || n.done["1"] != 2 || n.done["2"] != 0 || n.failed["2"] != 2 || n.failed["1"] != 0 || n.committed["3"].IsZero() || len(n.violations) != 2 {
		t.Errorf("%+v, %v", n, err)
	}
	for _, line := range []string{"begun", "committed 1", "committed 1 soon", "ended 1"} {
		if err := os.WriteFile(filepath.Join(dir, "c"+journalSuffix), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readJournals(dir); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}

func TestLogsAreReadForWhatMustNotBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"fine": "time=1 msg=\"a task panicked\" panic=\"panic: x\"\n",
		"dead": "time=1\npanic: assignment to entry in nil map\n",
		"race": "==================\nWARNING: DATA RACE\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".log"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := complaints(dir)
	if all := strings.Join(found, "\n"); err != nil || len(found) != 2 || !strings.Contains(all, "nil map") || !strings.Contains(all, "DATA RACE") {
		t.Errorf("%q, %v", found, err)
	}
}
