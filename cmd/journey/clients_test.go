package journey_test

import (
	"path/filepath"
	"testing"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestThePythonClients runs one and the same script with the published clients and with clients that are generated from
// our own document.
func TestThePythonClients(t *testing.T) {
	t.Parallel()
	python, generated := testkit.Python(t), generatedClients(t)
	for name, i := range map[string]*installation{"one process": embedded(t), "PostgreSQL": split(t)} {
		for kind, modules := range map[string][2]string{
			"published": {"pulpcore.client.pulpcore", "pulpcore.client.pulp_file"},
			"generated": {"generated_core", "generated_file"},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				s := &shell{installation: i, bin: python, environ: []string{"PYTHONPATH=" + generated, "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"}}
				stdout, stderr, exit := s.run(t, t.TempDir(), []string{"python", script(t, "clients.py"), modules[0], modules[1], i.api, admin, adminPassword,
					i.upstream, i.mirror, "u" + ident.New()[24:]})
				if exit != 0 {
					t.Errorf("clients.py ended with %d after these steps:\n%s\n%s", exit, stdout, stderr)
				}
			})
		}
	}
}

// TestThePublishedClientsFindWhatTheyCall compares the surfaces: what a published client can call and read stands in our
// document too, but for what testdata/surface.txt says.
func TestThePublishedClientsFindWhatTheyCall(t *testing.T) {
	t.Parallel()
	s := &shell{bin: testkit.Python(t), environ: []string{"PYTHONPATH=" + generatedClients(t), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"}}
	stdout, stderr, exit := s.run(t, t.TempDir(), []string{"python", script(t, "surface.py"), script(t, "surface.txt")})
	if exit != 0 {
		t.Errorf("surface.py ended with %d:\n%s\n%s", exit, stdout, stderr)
	}
}

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	must(t, err)
	return path
}

// generatedClients gives a folder for PYTHONPATH with the clients generated_core and generated_file.
func generatedClients(t *testing.T) string {
	t.Helper()
	documents := map[string][]byte{}
	for _, component := range []string{"core", "file"} {
		text, err := declared().Document(api.DocumentOptions{Bindings: true, Components: []string{component}, Server: "http://localhost:24817"})
		must(t, err)
		documents["generated_"+component] = text
	}
	return testkit.Clients(t, documents)
}
