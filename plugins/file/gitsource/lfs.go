package gitsource

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/remote"
)

// The batch API of Git LFS (its documentation, api/batch.md and api/server-discovery.md).
const (
	lfsType  = "application/vnd.git-lfs+json"
	lfsBatch = 100
	// lfsAnswer is in bytes, of an answer about a batch.
	lfsAnswer = 4 << 20
)

// batch collects pointers to ask for them together.
type batch struct {
	source *source
	repo   *repository
	files  []File
}

// add takes a pointer and gives those back that are resolved, once there are enough of them.
func (b *batch) add(ctx context.Context, f File) ([]File, error) {
	if b.files = append(b.files, f); len(b.files) < lfsBatch {
		return nil, nil
	}
	return b.flush(ctx)
}

// flush resolves what has been collected.
func (b *batch) flush(ctx context.Context) ([]File, error) {
	files := b.files
	b.files = nil
	if len(files) == 0 {
		return nil, nil
	}
	if b.source.url.Scheme == "file" {
		return files, b.fromFolder(files)
	}
	return files, b.fromServer(ctx, files)
}

// fromFolder finds files beside the objects of a local repository, which is where git-lfs keeps them.
func (b *batch) fromFolder(files []File) error {
	root, err := os.OpenRoot(b.repo.dir)
	if err != nil {
		return notRepository(err)
	}
	defer func() { _ = root.Close() }() // nothing is written
	for i := range files {
		f := &files[i]
		name := path.Join("lfs", "objects", f.LFS.OID[:2], f.LFS.OID[2:4], f.LFS.OID)
		if _, err := root.Stat(name); err != nil {
			return errs.New(errs.Invalid, "%s is in Git LFS, but the repository lacks the object %s; run git lfs fetch --all in it: %w", f.Path, f.LFS.OID, err)
		}
		f.open = func(context.Context) (io.ReadCloser, error) {
			body, err := b.openLocal(name)
			if err != nil {
				return nil, err
			}
			return verify(body, f.Path, *f.LFS, notRepository), nil
		}
	}
	return nil
}

func (b *batch) openLocal(name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(b.repo.dir)
	if err != nil {
		return nil, err
	}
	body, err := root.Open(name)
	if err := errors.Join(err, root.Close()); err != nil {
		return nil, errs.New(errs.Invalid, "cannot read an object of Git LFS: %w", err)
	}
	return body, nil
}

// lfsRequest is what is asked of a server.
type lfsRequest struct {
	Operation string      `json:"operation"`
	Transfers []string    `json:"transfers"`
	Objects   []lfsObject `json:"objects"`
	HashAlgo  string      `json:"hash_algo"`
}

// lfsObject is an object of a request or an answer.
type lfsObject struct {
	OID     string `json:"oid"`
	Size    int64  `json:"size"`
	Actions struct {
		Download *lfsAction `json:"download,omitempty"`
	} `json:"actions,omitzero"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// lfsAction says where an object is.
type lfsAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

// lfsResponse is the answer of a server.
type lfsResponse struct {
	Transfer string      `json:"transfer"`
	Objects  []lfsObject `json:"objects"`
	HashAlgo string      `json:"hash_algo"`
}

// fromServer asks the server where the files are.
func (b *batch) fromServer(ctx context.Context, files []File) error {
	answer, err := b.ask(ctx, files)
	if err != nil {
		return err
	}
	byOID := map[string]lfsObject{}
	for _, o := range answer.Objects {
		byOID[o.OID] = o
	}
	for i := range files {
		f := &files[i]
		action, err := located(f, byOID[f.LFS.OID])
		if err != nil {
			return err
		}
		f.open = func(ctx context.Context) (io.ReadCloser, error) { return b.source.download(ctx, *f, action) }
	}
	return nil
}

// ask sends the request about some files.
func (b *batch) ask(ctx context.Context, files []File) (answer lfsResponse, err error) {
	request := lfsRequest{Operation: "download", Transfers: []string{"basic"}, HashAlgo: "sha256"}
	asked := map[string]bool{}
	for _, f := range files {
		if !asked[f.LFS.OID] {
			request.Objects = append(request.Objects, lfsObject{OID: f.LFS.OID, Size: f.LFS.Size})
		}
		asked[f.LFS.OID] = true
	}
	body, err := json.Marshal(request)
	if err != nil {
		return answer, err
	}
	resp, err := b.source.do(ctx, call{method: http.MethodPost, url: b.source.lfs() + "/objects/batch", body: body, sends: lfsType, takes: lfsType})
	if err != nil {
		return answer, b.refused(files[0], err)
	}
	defer func() { _ = resp.Body.Close() }() // everything wanted has been read, or an error says so
	whole := &bounded{r: resp.Body, left: lfsAnswer, what: "answers about Git LFS"}
	if err := json.NewDecoder(whole).Decode(&answer); err != nil {
		return answer, b.refused(files[0], b.source.garbled(ctx, "answer about Git LFS", err, whole))
	}
	if answer.Transfer != "" && answer.Transfer != "basic" || answer.HashAlgo != "" && answer.HashAlgo != "sha256" {
		return answer, b.refused(files[0], errs.New(errs.Invalid, "the server offers the transfer %q with %q, which was not asked for", clean(answer.Transfer), clean(answer.HashAlgo)))
	}
	return answer, nil
}

// refused says for which file the LFS server was asked.
func (b *batch) refused(f File, err error) error {
	return about(err, f.Path+" is in Git LFS ("+f.LFS.OID+"), and the repository has no LFS server that gives it; enable LFS there or commit the file itself")
}

// lfs is the address of the LFS server that belongs to the repository.
func (s *source) lfs() string {
	at := s.url.String()
	if !strings.HasSuffix(at, ".git") {
		at += ".git"
	}
	return at + "/info/lfs"
}

// located checks what the server says of a file.
func located(f *File, o lfsObject) (lfsAction, error) {
	switch {
	case o.Error != nil:
		return lfsAction{}, errs.New(errs.Invalid, "%s is in Git LFS, and the server does not give its object %s: %s (%d); push it with git lfs push --all",
			f.Path, f.LFS.OID, clean(o.Error.Message), o.Error.Code)
	case o.OID == "" || o.Actions.Download == nil:
		return lfsAction{}, errs.New(errs.Invalid, "%s is in Git LFS, and the server lacks its object %s; push it with git lfs push --all", f.Path, f.LFS.OID)
	}
	u, err := url.Parse(o.Actions.Download.Href)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return lfsAction{}, errs.New(errs.Invalid, "%s is in Git LFS, and the server says that its object %s is at an address that is not http", f.Path, f.LFS.OID)
	}
	return *o.Actions.Download, nil
}

// download begins to read an object from where the server says that it is.
func (s *source) download(ctx context.Context, f File, action lfsAction) (io.ReadCloser, error) {
	header := http.Header{}
	for name, value := range action.Header {
		header.Set(name, value)
	}
	resp, err := s.do(ctx, call{method: http.MethodGet, url: action.Href, header: header}) //nolint:bodyclose // who reads the file closes it
	if err != nil {
		return nil, s.told(ctx, about(err, f.Path+" is in Git LFS and cannot be downloaded ("+f.LFS.OID+")"))
	}
	return verify(resp.Body, f.Path, *f.LFS, func(err error) error { return remote.Explain(ctx, action.Href, err) }), nil
}
