package testkit

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPythonHasThePulpCommand(t *testing.T) {
	t.Parallel()
	text, err := exec.CommandContext(t.Context(), filepath.Join(Python(t), "pulp"), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "0.41.1") {
		t.Errorf("pulp --version gives %v: %s", err, text)
	}
}

func TestClientsAreGeneratedOnceAndCanBeImported(t *testing.T) {
	t.Parallel()
	document := []byte(`{"openapi":"3.1.1","info":{"title":"t","version":"v3"},"servers":[{"url":"http://localhost"}],"paths":{"{thing_href}":{"get":{
		"operationId":"read","tags":["Things"],"parameters":[{"in":"path","name":"thing_href","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}}}}`)
	folder := Clients(t, map[string][]byte{"things": document})
	if again := Clients(t, map[string][]byte{"things": document}); again != folder {
		t.Errorf("the same document gives %s and %s", folder, again)
	}
	if other := Clients(t, map[string][]byte{"others": document}); other == folder {
		t.Error("another module is in the same folder")
	}
	c := exec.CommandContext(t.Context(), filepath.Join(Python(t), "python"), "-c", "import things; print(things.ThingsApi().read.__name__)")
	c.Env = []string{"PYTHONPATH=" + folder, "PYTHONDONTWRITEBYTECODE=1"}
	if text, err := c.CombinedOutput(); err != nil || strings.TrimSpace(string(text)) != "read" {
		t.Errorf("the generated client gives %v: %s", err, text)
	}
}
