package gitsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// point writes a pointer into a work tree.
func (w *work) point(path, content string) Pointer {
	w.t.Helper()
	p := Pointer{OID: digest(content), Size: int64(len(content))}
	w.write(path, p.String())
	return p
}

// lfsServer serves objects by their oid.
type lfsServer struct {
	t       *testing.T
	store   *httptest.Server
	objects map[string]string
	// answer changes what is said of an object.
	answer  func(*lfsObject)
	batches atomic.Int64
}

func newLFS(t *testing.T, contents ...string) *lfsServer {
	s := &lfsServer{t: t, objects: map[string]string{}}
	for _, text := range contents {
		s.objects[digest(text)] = text
	}
	s.store = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "once" || r.Header.Get("Authorization") != "" {
			t.Errorf("the store was asked with the headers %v", r.Header)
		}
		text, found := s.objects[strings.TrimPrefix(r.URL.Path, "/")]
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, text) // the client may have left
	}))
	t.Cleanup(s.store.Close)
	return s
}

// beside answers about LFS and leaves all else to the git server.
func (s *lfsServer) beside(git http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/work.git/info/lfs/objects/batch" {
			git.ServeHTTP(w, r)
			return
		}
		s.batches.Add(1)
		var request lfsRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != lfsType ||
			r.Header.Get("Accept") != lfsType || request.Operation != "download" || len(request.Objects) > lfsBatch {
			s.t.Errorf("the batch was asked for with %s %v %+v, %v", r.Method, r.Header, request, err)
		}
		var response lfsResponse
		for _, o := range request.Objects {
			if text, found := s.objects[o.OID]; found && int64(len(text)) == o.Size {
				o.Actions.Download = &lfsAction{Href: s.store.URL + "/" + o.OID, Header: map[string]string{"X-Token": "once"}}
			} else {
				_ = json.Unmarshal([]byte(`{"error":{"code":404,"message":"gone\u001b away"}}`), &o) // it is right
			}
			if s.answer != nil {
				s.answer(&o)
			}
			response.Objects = append(response.Objects, o)
		}
		w.Header().Set("Content-Type", lfsType+"; charset=utf-8")
		_ = json.NewEncoder(w).Encode(response) // the client may have left
	})
}

func TestFilesInLFS(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	want := map[string]string{"plain": "plain", "large": noise(1, 3<<20), "empty": ""}
	w.write("plain", "plain")
	var texts []string
	for i := range 250 {
		want[fmt.Sprintf("lfs/%d", i)] = fmt.Sprintf("file %d", i)
	}
	want["same"] = "file 7"
	for path, text := range want {
		if path != "plain" {
			w.point(path, text)
			texts = append(texts, text)
		}
	}
	if err := os.Symlink("large", filepath.Join(w.dir, "link")); err != nil {
		t.Fatal(err)
	}
	want["link"] = want["large"]
	w.commit("all")
	t.Run("from a server", func(t *testing.T) {
		t.Parallel()
		lfs := newLFS(t, texts...)
		o := options(t, w.serve(lfs.beside), "")
		o.HTTP = asRemote(t, o.URL, "u", "p")
		has(t, fetched(t, o), want)
		if n := lfs.batches.Load(); n != 3 {
			t.Errorf("%d requests for 254 pointers, want 3", n)
		}
	})
	t.Run("from a folder", func(t *testing.T) {
		t.Parallel()
		for _, text := range texts {
			oid := digest(text)
			dir := filepath.Join(w.dir, ".git", "lfs", "objects", oid[:2], oid[2:4])
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, oid), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		has(t, fetched(t, options(t, w.local(), "")), want)
	})
}

// failure gives the first error of reading all files.
func failure(t *testing.T, o Options) error {
	t.Helper()
	tree := fetched(t, o)
	for f, err := range tree.Files(t.Context()) {
		if err != nil {
			return err
		}
		body, err := f.Open(t.Context())
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}

func TestLFSThatFails(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	p := w.point("dir/f", "content")
	w.commit("f")
	download := func(change func(*lfsAction)) func(*lfsObject) {
		return func(o *lfsObject) { change(o.Actions.Download) }
	}
	table := map[string]struct {
		change func(*lfsServer)
		kind   errs.Kind
		code   string
		words  string
	}{
		"an object that is missing":  {func(s *lfsServer) { clear(s.objects) }, errs.Invalid, "", "does not give its object " + p.OID + ": gone  away (404)"},
		"one that is not spoken of":  {func(s *lfsServer) { s.answer = func(o *lfsObject) { o.OID = "other" } }, errs.Invalid, "", "lacks its object " + p.OID},
		"one without a place":        {func(s *lfsServer) { s.answer = func(o *lfsObject) { o.Actions.Download = nil } }, errs.Invalid, "", "lacks its object " + p.OID},
		"a place that is no address": {func(s *lfsServer) { s.answer = download(func(a *lfsAction) { a.Href = "file:///etc/passwd" }) }, errs.Invalid, "", "an address that is not http"},
		"a place that is empty":      {func(s *lfsServer) { s.answer = download(func(a *lfsAction) { a.Href += "x" }) }, errs.NotFound, "PLP0025", "cannot be downloaded (" + p.OID + ")"},
		"another file":               {func(s *lfsServer) { s.objects[p.OID] = "CONTENT" }, errs.Invalid, "PLP0003", "sends something else"},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lfs := newLFS(t, "content")
			row.change(lfs)
			err := failure(t, options(t, w.serve(lfs.beside), ""))
			var e *errs.Error
			if !errors.As(err, &e) || e.Kind != row.kind || e.Code != row.code || !strings.Contains(err.Error(), row.words) || !strings.Contains(err.Error(), "dir/f") {
				t.Errorf("the error is %v; want %s %q with %q", err, row.kind, row.code, row.words)
			}
		})
	}
	for name, sent := range map[string]string{"too short": "conten", "too long": "content and more"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lfs := newLFS(t, "content")
			lfs.store.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, sent) })
			var e *errs.Error
			if err := failure(t, options(t, w.serve(lfs.beside), "")); !errors.As(err, &e) || e.Code != "PLP0004" {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// The pointer is never passed off as the file.
func TestNoLFS(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	p := w.point("dir/f", "content")
	w.commit("f")
	for name, batch := range map[string]http.Handler{
		"no such server": nil, "a web page": answering(200, "text/html", "<html>"), "garbage": answering(200, lfsType, "{"), "an error": answering(500, lfsType, "{}"),
		"another transfer": answering(200, lfsType, `{"transfer":"tus","objects":[]}`), "another digest": answering(200, lfsType, `{"hash_algo":"md5","objects":[]}`),
		"without end": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", lfsType)
			for _, err := io.WriteString(w, `{"x":"`); err == nil; {
				_, err = io.WriteString(w, strings.Repeat("x", 1<<16))
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := w.serve(func(git http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if batch != nil && strings.Contains(r.URL.Path, "/info/lfs/") {
						batch.ServeHTTP(w, r)
						return
					}
					git.ServeHTTP(w, r)
				})
			})
			err := failure(t, options(t, url, ""))
			if err == nil || errs.Is(err, errs.Internal) || !strings.Contains(err.Error(), "dir/f is in Git LFS ("+p.OID+"), and the repository has no LFS server that gives it") {
				t.Errorf("the error is %v (%s)", err, errs.KindOf(err))
			}
		})
	}
	t.Run("in a folder", func(t *testing.T) {
		t.Parallel()
		if err := failure(t, options(t, w.local(), "")); err == nil || !strings.Contains(err.Error(), "lacks the object "+p.OID) {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("a pointer that is none", func(t *testing.T) {
		t.Parallel()
		w := newWork(t)
		w.save("dir/f", version+"oid sha256:short\nsize 1\n")
		if err := failure(t, options(t, w.local(), "")); err == nil || !strings.Contains(err.Error(), "dir/f looks like a pointer of Git LFS but is none") {
			t.Errorf("the error is %v", err)
		}
	})
}

// Whoever may read the repository may need the same name and password for its LFS server, and for files kept there.
func TestLFSBehindTheSameLock(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.point("f", "content")
	w.commit("f")
	lfs := newLFS(t, "content")
	url := w.serve(func(git http.Handler) http.Handler {
		return locked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/lfs/object" {
				_, _ = io.WriteString(w, "content") // the client may have left
				return
			}
			lfs.answer = func(o *lfsObject) { o.Actions.Download = &lfsAction{Href: "http://" + r.Host + "/lfs/object"} }
			lfs.beside(git).ServeHTTP(w, r)
		}))
	})
	o := options(t, url, "")
	o.HTTP = asRemote(t, url, "u", "p:w d")
	has(t, fetched(t, o), map[string]string{"f": "content"})
}
