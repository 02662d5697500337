package journey_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/cmd/cli"
	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/webserver"
	"github.com/packhouse/packhouse/plugins"
)

// phase is a start of the content server over one world, and the ways on which clients come to it.
type phase struct {
	name     string
	settings map[string]string
	fronts   []string
	// redirects and hands tell what becomes of stored files: a link to the object storage, or they are handed over.
	redirects, hands bool
}

// phases are how files that lie in folders, or in a bucket, reach clients.
func phases() map[string][]phase {
	all := []string{"direct", "nginx", "apache"}
	return map[string][]phase{
		"folder": {
			{name: "off", fronts: all},
			{name: "handed", settings: map[string]string{"content_sendfile": "nginx"}, fronts: []string{"nginx"}, hands: true},
			{name: "handed", settings: map[string]string{"content_sendfile": "apache"}, fronts: []string{"apache"}, hands: true},
		},
		"bucket": {
			{name: "link", settings: map[string]string{"redirect_to_object_storage": "true"}, fronts: all, redirects: true},
			{name: "through", settings: map[string]string{"redirect_to_object_storage": "false"}, fronts: all},
		},
	}
}

// TestContentIsTheSameOnEveryWay asks the same of every storage and database, directly and through web servers with the
// sites that packhouse snippet prints, and wants the same answers.
func TestContentIsTheSameOnEveryWay(t *testing.T) {
	t.Parallel()
	for database, settings := range backends() {
		for storage, ways := range phases() {
			t.Run(storage+" "+database, func(t *testing.T) {
				t.Parallel()
				f := newOffer(t, ways)
				// Each database and each storage once with domains in the paths and once without.
				if (database == "SQLite") == (storage == "bucket") {
					f.withDomains()
				}
				maps.Copy(f.settings, settings(t))
				if storage == "bucket" {
					maps.Copy(f.settings, bucketSettings(t))
				}
				for _, p := range ways {
					f.phase(t, p)
				}
			})
		}
	}
}

// bucketSettings are those of a storage in a bucket.
func bucketSettings(t *testing.T) map[string]string {
	t.Helper()
	endpoint, access, secret, bucket := testkit.S3(t)
	return map[string]string{
		"storage.backend": "s3", "storage.s3.endpoint": endpoint, "storage.s3.bucket": bucket,
		"storage.s3.access_key": access, "storage.s3.secret_key": secret,
	}
}

// phase starts a server, makes what it offers when it is the first, and asks everything on every way.
func (f *offer) phase(t *testing.T, p phase) {
	t.Helper()
	t.Run(strings.Join(append([]string{p.name}, p.settings["content_sendfile"]), " "), func(t *testing.T) {
		settings := maps.Clone(f.settings)
		maps.Copy(settings, p.settings)
		url := run(t, node.Serve, settings)
		if f.vars == nil {
			f.make(t, url)
		}
		for _, name := range p.fronts {
			id := p.name + "-" + name
			t.Run(name, func(t *testing.T) {
				address := strings.TrimPrefix(url, "http://")
				if name != "direct" {
					address = f.before(t, name, address, settings)
				}
				before := handedOver(t, url)
				for _, a := range f.table(id) {
					f.ask(t, way{phase: p, name: name, id: id, address: address}, a)
				}
				if handed := handedOver(t, url) != before; handed != p.hands {
					t.Errorf("files were handed over: %v, want %v", handed, p.hands)
				}
			})
		}
	})
}

// before starts a web server before the content server, with the site that the command prints.
func (f *offer) before(t *testing.T, name, content string, settings map[string]string) (address string) {
	t.Helper()
	address = webserver.Address(t)
	var site, said bytes.Buffer
	code := cli.Process{
		Version: "1.2.3", Apps: plugins.All(), Args: []string{"snippet", name, "--listen", address, "--api", content, "--content", content},
		Config: config.Options{Flags: maps.Clone(settings), Dir: t.TempDir()}, Stdout: &site, Stderr: &said,
	}.Run(t.Context())
	if code != 0 {
		t.Fatalf("packhouse snippet %s exited with %d: %s", name, code, &said)
	}
	var server webserver.Server = webserver.Nginx{}
	if name == "apache" {
		server = webserver.Apache{}
		must(t, webserver.Open(f.settings["data"]))
	}
	webserver.Start(t, server, address, site.String())
	return address
}

// handedOver is how many files were handed over to a web server, as the metrics tell.
func handedOver(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url + "/metrics")
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `content_requests_total{how="handed"}`) {
			return line
		}
	}
	return ""
}
