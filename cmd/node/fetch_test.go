package node

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestContentFetchesWithTheKeys: a process that only serves content opens the credentials of remotes when it has the key
// file, keeps to the egress policy, and serves what is stored without either.
func TestContentFetchesWithTheKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := split(t, dir)
	setUp(t, false, environ...)
	with := func(more ...string) []string { return append(environ[:len(environ):len(environ)], more...) }
	allowed := "PACKHOUSE_EGRESS__ALLOW=127.0.0.1"
	n := start(t, API, with("PACKHOUSE_DB_ENCRYPTION_KEY="+filepath.Join(dir, "keys", "database.key"))...)
	start(t, Worker, environ...)
	able := start(t, Content, with(allowed)...)
	wholeWay(t, n, able)
	up := upstream.New(t, upstream.BasicAuth("reader", "very secret"))
	up.Set("/hello", []byte("hello\n"))
	n.forgetHello(up.URL + "/hello")
	for words, c := range map[string]*running{
		"where this server does not go":  start(t, Content, environ...), // the egress policy refuses it
		"the log of the server says why": start(t, Content, with(allowed, "PACKHOUSE_DB_ENCRYPTION_KEY=/nowhere/database.key")...),
	} {
		status, answer := c.call("GET", "/pulp/content/d/folder/hello.txt", nil)
		if text, _ := answer["text"].(string); status != http.StatusNotFound || !strings.Contains(text, words) {
			t.Errorf("%q: %d %v", words, status, answer)
		}
		if status, _ := c.call("GET", "/pulp/content/d/PULP_MANIFEST", nil); status != http.StatusOK {
			t.Errorf("%q: what is stored is answered with %d", words, status)
		}
	}
	if n := up.Total(); n != 0 {
		t.Errorf("the upstream was asked %d times", n)
	}
	for range 2 {
		if status, answer := able.call("GET", "/pulp/content/d/folder/hello.txt", nil); status != http.StatusOK || answer["text"] != "hello\n" {
			t.Errorf("%d %v", status, answer)
		}
	}
	if n := up.Total(); n > 2 { // the second may come before the first is stored, and joins it or finds it
		t.Errorf("the upstream was asked %d times", n)
	}
}

// forgetHello makes the file of wholeWay one that was never downloaded, of a remote with credentials.
func (r *running) forgetHello(url string) {
	r.t.Helper()
	sealed := func(column, text string) []byte {
		bytes, err := r.box.Seal(remote.Purpose(column), []byte(text))
		if err != nil {
			r.t.Fatal(err)
		}
		return bytes
	}
	row := &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "file.file", Name: "up", URL: url, Policy: model.OnDemand,
		Username: sealed("username", "reader"), Password: sealed("password", "very secret")}
	err := r.db.InTx(r.t.Context(), func(tx *db.Tx) error {
		var known model.ContentArtifact
		var a model.Artifact
		return errors.Join(
			tx.Where("relative_path = ?", "folder/hello.txt").Take(&known).Error,
			tx.Where("id = ?", known.ArtifactID).Take(&a).Error,
			tx.Model(&known).Update("artifact_id", nil).Error,
			tx.Delete(&a).Error,
			tx.Create(row).Error,
			tx.Create(&model.RemoteArtifact{ContentID: known.ContentID, RelativePath: known.RelativePath, RemoteID: row.ID, URL: url, Size: &a.Size, SHA256: &a.SHA256}).Error,
		)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
