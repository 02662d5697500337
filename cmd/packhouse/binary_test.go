package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// theBinary builds the binary once for all tests; TestMain removes it.
var theBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryFolder(), "packhouse")
	build := exec.Command("go", "build", "-o", path, "github.com/packhouse/packhouse/cmd/packhouse")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, text)
	}
	return path, nil
})

// binaryFolder is a folder of this run.
var binaryFolder = sync.OnceValue(func() string {
	folder, err := os.MkdirTemp("", "packhouse-test-")
	if err != nil {
		panic(err)
	}
	return folder
})

func TestMain(m *testing.M) {
	folder := binaryFolder()
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
