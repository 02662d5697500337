package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWorkspaceRootRefusesWhatDoesNotSuit(t *testing.T) {
	t.Parallel()
	if root, err := workspaceRoot([]string{filepath.Join(t.TempDir(), "missing")}); err == nil {
		t.Errorf("took %s, which does not exist", root)
	}
	root, err := workspaceRoot([]string{"/no/such/folder", os.TempDir()})
	if err != nil || root != os.TempDir() {
		t.Errorf("got %q, %v, want %q", root, err, os.TempDir())
	}
}

func TestRemoveLeftoversTakesOnlyWhatNobodyHolds(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	crashed, alive, fresh := leftover(t, root, "crashed"), leftover(t, root, "alive"), filepath.Join(root, workspacePrefix+"fresh")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	held, err := lockFile(filepath.Join(alive, "lock"), syscall.LOCK_EX)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	removeLeftovers(root)
	if _, err := os.Stat(crashed); err == nil {
		t.Error("the folder of the crashed run is still there")
	}
	for _, dir := range []string{alive, fresh} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("a folder that may be in use was removed: %v", err)
		}
	}
}

// leftover makes the folder of a run that holds nothing any more.
func leftover(t *testing.T, root, name string) string {
	t.Helper()
	dir := filepath.Join(root, workspacePrefix+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
