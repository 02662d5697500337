package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/task"
)

// Working directories lie at <WorkDir>/tasks/<name of the process>/<id of the task>.
func (t *Tasks) folderRoot() string { return filepath.Join(t.o.WorkDir, "tasks") }

func (t *Tasks) folderOf(name string) string {
	return filepath.Join(t.folderRoot(), url.PathEscape(name))
}

// clearFolders removes the working directories of processes that are not known any more. A process makes itself known
// before it makes a directory, so nothing that is in use is removed.
func (t *Tasks) clearFolders(ctx context.Context) error {
	entries, err := os.ReadDir(t.folderRoot())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for forgotten working directories: %w", err)
	}
	var names []string
	if err := t.db.Read(ctx).Model(&task.AppStatus{}).Pluck("name", &names).Error; err != nil {
		return fmt.Errorf("look for forgotten working directories: %w", err)
	}
	known := map[string]bool{}
	for _, name := range append(names, t.selves()...) {
		known[url.PathEscape(name)] = true
	}
	var faults []error
	for _, e := range entries {
		if !known[e.Name()] {
			faults = append(faults, os.RemoveAll(filepath.Join(t.folderRoot(), e.Name())))
		}
	}
	return wrap(errors.Join(faults...), "remove forgotten working directories")
}
