package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// requirements are the Python packages that tests use, pinned with their hashes.
//
//go:embed requirements.txt
var requirements []byte

// pythonVariable tells tests where the Python environment is, see testkit.Python.
const pythonVariable = "PACKHOUSE_TEST_PYTHON"

// pythonFolder is where installPython puts the environment.
func pythonFolder(cache string) string { return filepath.Join(filepath.Dir(cache), "python") }

// noVenv tells whether Python cannot make virtual environments; Debian keeps that in a package of its own.
func noVenv() bool {
	return exec.Command("python3", "-c", "import ensurepip, venv").Run() != nil //nolint:noctx // over at once
}

// installPython makes the virtual environment of the tests, unless it is there with the very same requirements and the
// very same Python. What it is made of is noted last, so that one that was left half made is made again.
func installPython(ctx context.Context, cache string) error {
	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.base_prefix, sys.version)").Output()
	if err != nil {
		return fmt.Errorf("ask python3 for its version: %w", err)
	}
	sum := sha256.Sum256(append(version, requirements...))
	want, folder := hex.EncodeToString(sum[:]), pythonFolder(cache)
	note, list := filepath.Join(folder, "made-of"), filepath.Join(folder, "requirements.txt")
	if have, err := os.ReadFile(note); err == nil && string(have) == want {
		return nil
	}
	if err := runInstaller(ctx, nil, "python3", "-m", "venv", "--clear", folder); err != nil {
		return err
	}
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return fmt.Errorf("write the Python requirements: %w", err)
	}
	if err := runInstaller(ctx, nil, filepath.Join(folder, "bin", "python"), "-m", "pip", "install", "--quiet",
		"--disable-pip-version-check", "--require-hashes", "--requirement", list); err != nil {
		return err
	}
	if err := os.WriteFile(note, []byte(want), 0o644); err != nil {
		return fmt.Errorf("note what the Python environment is made of: %w", err)
	}
	return nil
}
