package serve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// remote makes a remote by hand.
func (w *world) remote(name string) *model.Remote {
	w.t.Helper()
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: fileType, Name: name, URL: "http://upstream.example/", Policy: model.OnDemand}
	w.put(r)
	return r
}

// declare says where a file of a unit is, and what it is declared to be; a size below 0 and an empty digest are unknown.
func (w *world) declare(c *model.Content, path string, remote *model.Remote, size int64, sha256 string) {
	w.t.Helper()
	a := &model.RemoteArtifact{ContentID: c.ID, RelativePath: path, RemoteID: remote.ID, URL: remote.URL + path}
	if size >= 0 {
		a.Size = &size
	}
	if sha256 != "" {
		a.SHA256 = &sha256
	}
	w.put(a)
}

// TestMissingFiles: a file that was never downloaded is found with what its remotes say of it, by every way that leads
// to a unit, and shown so in listings.
func TestMissingFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		digest := strings.Repeat("ab", 32)
		first, second := w.remote("first"), w.remote("second")
		repo := w.repository("a", 1)
		whole, half := repo.unit("whole", "", 1, 0), repo.unit("half", "", 1, 0)
		repo.unit("bare", "", 1, 0)
		w.declare(whole, "whole", first, 7, digest)
		w.declare(whole, "whole", second, 7, digest)
		w.declare(half, "half", first, -1, "")
		w.declare(half, "half", second, 0, "")
		repo.unit("stored", "stored", 1, 0)
		loose := repo.offer(looseUnit, "", 1, 0, map[string]string{"l/1": "", "l/2": "two"})
		w.declare(loose, "l/1", first, -1, digest)
		p := repo.publish(1, true, nil)
		w.put(
			&model.PublishedArtifact{PublicationID: p.ID, RelativePath: "led/here", ContentID: &whole.ID, ContentPath: ptr("whole"), AddedAt: addedAt},
			&model.PublishedArtifact{PublicationID: p.ID, RelativePath: "nowhere", AddedAt: addedAt},
		)
		for _, kind := range []string{fileType, rawType, looseType} {
			w.distribute(kind, kind, func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		}
		r := New(Options{DB: w.db, Kinds: kinds})
		isWhole, isHalf, isBare := "→whole size 7 sha256 "+digest, "→half size 0 sha256 ", "→bare size ? sha256 "
		compare(t, r, map[string]string{
			"file.file/whole": "whole" + isWhole, "file.file/half": "half" + isHalf, "file.file/bare": "bare" + isBare,
			"raw.raw/whole": "whole" + isWhole, "raw.raw/half": "half" + isHalf, "raw.raw/bare": "bare" + isBare,
			"loose.many/whole": "whole" + isWhole, "loose.many/half": "half" + isHalf, "loose.many/bare": "bare" + isBare,
			"file.file/led/here": "led/here" + isWhole, "file.file/nowhere": "not_found",
			"loose.many/l/1": "l/1→l/1 size ? sha256 " + digest, "loose.many/l/2": w.is("l/2", "two"),
			"file.file/stored": w.is("stored", "stored"),
		})
		stored := w.artifact("stored")
		for path, want := range map[string]string{
			"file.file/":     "bare ? - half 0 - led/ nowhere ? - stored 6 " + stored.SHA256 + " whole 7 " + digest,
			"file.file/led/": "here 7 " + digest,
			"raw.raw/":       "bare ? - half 0 - stored 6 " + stored.SHA256 + " whole 7 " + digest,
			"loose.many/l/":  "1 ? " + digest + " 2 3 " + w.artifact("two").SHA256,
		} {
			if got := listed(t, r, path); got != want {
				t.Errorf("%s lists\n%s, want\n%s", path, got, want)
			}
		}
	})
}

// listed writes a listing with sizes and digests.
func listed(t *testing.T, r *Resolver, path string) string {
	t.Helper()
	result, err := r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
	if err != nil || result.Listing == nil {
		t.Fatalf("%s is no listing: %v", path, err)
	}
	var all []string
	for _, e := range result.Listing.Entries {
		text := e.key()
		if !e.Dir {
			size, digest := "?", "-"
			if e.Size != nil {
				size = fmt.Sprint(*e.Size)
			}
			if e.SHA256 != "" {
				digest = e.SHA256
			}
			text += " " + size + " " + digest
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func ptr(s string) *string { return &s }
