// Command changes joins the fragments of the folder changes into a new section of CHANGES.md and removes them:
//
//	go run ./changes 0.2.0
//
// The README beside it says how fragments are named.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./changes VERSION, at the top of the source")
		os.Exit(2)
	}
	if err := release(".", os.Args[1], time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "changes:", err)
		os.Exit(1)
	}
}

// release writes the section of a version and then removes the fragments. Nothing changes when a fragment is wrong.
func release(root, version string, day time.Time) error {
	folder, log := filepath.Join(root, "changes"), filepath.Join(root, "CHANGES.md")
	fragments, err := read(os.DirFS(folder))
	if err != nil {
		return err
	}
	if len(fragments) == 0 {
		return fmt.Errorf("no fragments in %s, so there is nothing to release", folder)
	}
	before, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read the changelog: %w", err)
	}
	after, err := insert(string(before), version, section(version, day, fragments))
	if err != nil {
		return err
	}
	// Beside and renamed: a full disk must not cost the history.
	if err := os.WriteFile(log+".new", []byte(after), 0o644); err != nil {
		return fmt.Errorf("write the changelog: %w", err)
	}
	if err := os.Rename(log+".new", log); err != nil {
		return fmt.Errorf("replace the changelog: %w", err)
	}
	for _, f := range fragments {
		if err := os.Remove(filepath.Join(folder, f.name)); err != nil {
			return fmt.Errorf("remove a fragment that is in the changelog now: %w", err)
		}
	}
	return nil
}
