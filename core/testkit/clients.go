package testkit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Clients generates Python clients from OpenAPI documents, by module name, with the generator that the published ones
// are made with. It gives a folder for PYTHONPATH. What was generated is kept beside the Python environment until the
// documents or the environment change.
func Clients(t testing.TB, documents map[string][]byte) string {
	t.Helper()
	environment := variable(t, PythonVariable)
	madeOf, err := os.ReadFile(filepath.Join(environment, "made-of"))
	if err != nil {
		t.Fatalf("the Python environment is not whole, run `make test`: %v", err)
	}
	source := string(madeOf)
	for _, module := range slices.Sorted(maps.Keys(documents)) {
		source += fmt.Sprintf("\n%s %x", module, sha256.Sum256(documents[module]))
	}
	home := filepath.Join(filepath.Dir(environment), "clients")
	folder := filepath.Join(home, fmt.Sprintf("%x", sha256.Sum256([]byte(source)))[:16])
	unlock := lockFolder(t, home) // tests of several packages may want the same at once
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	making := folder + ".making"
	removeAll(t, making)
	for module, document := range documents {
		generate(t, environment, making, module, document)
	}
	if err := os.Rename(making, folder); err != nil {
		t.Fatalf("put the generated clients in their place: %v", err)
	}
	return folder
}

// generate makes one client as the published ones are made: without the generator's own check of the document, which
// objects to paths that are one parameter, and with hrefs put into the address as they are: no slash before them, none
// of theirs escaped.
func generate(t testing.TB, environment, folder, module string, document []byte) {
	t.Helper()
	jars, err := filepath.Glob(filepath.Join(environment, "lib", "python*", "site-packages", "openapi_generator_cli", "*.jar"))
	if err != nil || len(jars) != 1 {
		t.Fatalf("find the generator of clients: %v, %v", jars, err)
	}
	source := filepath.Join(folder, module+".json")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatalf("make the folder of the generated clients: %v", err)
	}
	if err := os.WriteFile(source, document, 0o644); err != nil {
		t.Fatalf("write the document to generate from: %v", err)
	}
	c := exec.CommandContext(t.Context(), "java", "-jar", jars[0], "generate", "--skip-validate-spec", "-g", "python", "-i", source, "-o", folder,
		"--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false", "--additional-properties=packageName="+module)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("generate %s: %v\n%s", module, err, text)
	}
	files, err := filepath.Glob(filepath.Join(folder, module, "api", "*_api.py"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no API: %v", module, err)
	}
	replaced := 0
	for _, file := range files {
		replaced += replaceAll(t, file, "resource_path='/{", "resource_path='{")
	}
	replaced *= replaceAll(t, filepath.Join(folder, module, "configuration.py"), "safe_chars_for_path_param = ''", "safe_chars_for_path_param = '/'")
	if replaced == 0 {
		t.Fatalf("%s takes paths in another way than was known", module)
	}
}

// replaceAll changes a file and tells how many places it changed.
func replaceAll(t testing.TB, path, before, after string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read what was generated: %v", err)
	}
	count := bytes.Count(text, []byte(before))
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(before), []byte(after)), 0o644); err != nil {
		t.Fatalf("change what was generated: %v", err)
	}
	return count
}

// lockFolder makes a folder and waits for its lock.
func lockFolder(t testing.TB, folder string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatalf("make %s: %v", folder, err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatalf("open the lock of %s: %v", folder, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock %s: %v", folder, err)
	}
	return func() { _ = lock.Close() }
}

func removeAll(t testing.TB, folder string) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatalf("remove %s: %v", folder, err)
	}
}
