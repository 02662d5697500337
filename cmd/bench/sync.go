package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// syncer syncs folders of an upstream on loopback into repositories of one system.
type syncer struct {
	*bench
	system *system
	client *client
	up     *upstreams
	mode   string
}

// measureSync measures what comes in from an upstream: places only, files, nothing new, one new line; then publishing
// and looking at what came.
func measureSync(ctx context.Context, b *bench, mode string) error {
	up, stop, err := serveUpstreams(ctx)
	if err != nil {
		return err
	}
	defer stop()
	s, err := b.start(ctx, mode, "EGRESS__ALLOW", "127.0.0.1")
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	w := &syncer{bench: b, system: s, client: s.client(), up: up, mode: mode}
	for _, step := range []func(context.Context) error{w.onDemand, w.immediate, w.publish, w.pages} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// size is a number of files, a tenth of it in a quick run.
func (w *syncer) size(n int) int {
	if w.quick {
		return n / 10
	}
	return n
}

// rounds is how often a whole sync is measured.
func (w *syncer) rounds() int { return min(w.runs(), 3) }

// report is bench.report for this work.
func (w *syncer) figure(what, unit string, runs []float64, goal *goal) figure {
	return figure{Work: "sync", Mode: w.mode, What: what, Unit: unit, Runs: runs, Goal: goal}
}

// target makes a repository and a remote.
func (w *syncer) target(ctx context.Context, url, policy string) (repository, remote string, err error) {
	name := fmt.Sprintf("sync-%d", w.number())
	if repository, err = w.client.repository(ctx, name, nil); err != nil {
		return "", "", err
	}
	var made struct {
		Href string `json:"pulp_href"`
	}
	err = w.client.json(ctx, http.MethodPost, api+"remotes/file/file/", map[string]any{"name": name, "url": url, "policy": policy}, &made)
	return repository, made.Href, err
}

// sync syncs and gives how long it took, from the request to the end of the task.
func (w *syncer) sync(ctx context.Context, repository, remote string) (time.Duration, error) {
	begin := time.Now()
	_, err := w.client.task(ctx, http.MethodPost, repository+"sync/", map[string]any{"remote": remote})
	return time.Since(begin), err
}

// onDemand brings in many places, then nothing new, then one changed line.
func (w *syncer) onDemand(ctx context.Context) error {
	n, rate := w.size(100_000), 5000.0
	if w.mode == embedded {
		rate = 3000
	}
	var rates, bare, firsts, unchanged, changed []float64
	for range w.rounds() {
		f := &folder{name: fmt.Sprintf("places-%d", w.number()), files: n}
		repository, remote, err := w.target(ctx, w.up.add(f), "on_demand")
		if err != nil {
			return err
		}
		first, err := w.sync(ctx, repository, remote)
		if err != nil {
			return err
		}
		again, err := w.sync(ctx, repository, remote)
		if err != nil {
			return err
		}
		f.changed++
		w.up.add(f)
		one, err := w.sync(ctx, repository, remote)
		if err != nil {
			return err
		}
		inserted, err := w.bareInserts(ctx, n)
		if err != nil {
			return err
		}
		rates, bare = append(rates, float64(n)/first.Seconds()), append(bare, float64(n)/inserted.Seconds())
		firsts, unchanged, changed = append(firsts, milliseconds(first)), append(unchanged, milliseconds(again)), append(changed, milliseconds(one))
	}
	w.report(w.figure(fmt.Sprintf("sync %d files on_demand", n), "units/s", rates, atLeast(rate)))
	ratio := w.figure(fmt.Sprintf("sync %d files on_demand beside bare inserts", n), "units/s", rates, ratioAtLeast(0.4))
	ratio.PeerWhat, ratio.Peer = "the same rows inserted, a thousand at a time", bare
	w.report(ratio)
	memory, err := w.system.memory("VmHWM")
	if err != nil {
		return err
	}
	w.report(w.figure("resident memory of all processes, highest", "MiB", []float64{memory}, below(300)))
	w.report(w.figure("again, manifest unchanged", "ms", unchanged, below(100)))
	small := w.figure(fmt.Sprintf("again, one line of %d changed", n), "ms", changed, ratioBelow(0.1))
	small.PeerWhat, small.Peer = "the first sync", firsts
	w.report(small)
	return nil
}

// immediate brings in files with their bytes.
func (w *syncer) immediate(ctx context.Context) error {
	n := w.size(20_000)
	var rates, bare []float64
	for range w.rounds() {
		f := &folder{name: fmt.Sprintf("files-%d", w.number()), files: n}
		repository, remote, err := w.target(ctx, w.up.add(f), "immediate")
		if err != nil {
			return err
		}
		took, err := w.sync(ctx, repository, remote)
		if err != nil {
			return err
		}
		written, err := w.bareFiles(n)
		if err != nil {
			return err
		}
		rates, bare = append(rates, float64(n)/took.Seconds()), append(bare, float64(n)/written.Seconds())
	}
	files := w.figure(fmt.Sprintf("sync %d files immediate", n), "files/s", rates, atLeast(2000))
	files.PeerWhat, files.Peer = "files written, synced and renamed, ten at a time", bare
	w.report(files)
	return nil
}

// bareFiles brings as many files to the disk as a sync does, ten at a time, and does nothing else: each is written and
// synced under a name of its own and moved into one of 256 folders, which is synced too.
func (w *syncer) bareFiles(n int) (took time.Duration, err error) {
	dir, err := w.folderFor("files")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i := range 256 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprintf("%02x", i)), 0o750); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	var group errgroup.Group
	group.SetLimit(10)
	for i := range n {
		group.Go(func() error { return bareFile(dir, i) })
	}
	err = group.Wait()
	return time.Since(begin), err
}

func bareFile(dir string, i int) error {
	name, folder := filepath.Join(dir, fmt.Sprintf("%d.new", i)), filepath.Join(dir, fmt.Sprintf("%02x", i%256))
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, fileSize))
	if err := errors.Join(err, file.Sync(), file.Close(), os.Rename(name, filepath.Join(folder, fmt.Sprint(i)))); err != nil {
		return err
	}
	parent, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// publish publishes a repository of many units.
func (w *syncer) publish(ctx context.Context) error {
	n := w.size(20_000)
	repository, err := w.filled(ctx, n)
	if err != nil {
		return err
	}
	var took []float64
	for range w.runs() {
		begin := time.Now()
		if _, err := w.client.task(ctx, http.MethodPost, api+"publications/file/file/", map[string]any{"repository": repository}); err != nil {
			return err
		}
		took = append(took, milliseconds(time.Since(begin)))
	}
	w.report(w.figure(fmt.Sprintf("publish %d units", n), "ms", took, below(1000)))
	return nil
}

// filled is a repository with many units.
func (w *syncer) filled(ctx context.Context, n int) (string, error) {
	f := &folder{name: fmt.Sprintf("filled-%d", w.number()), files: n}
	repository, remote, err := w.target(ctx, w.up.add(f), "on_demand")
	if err != nil {
		return "", err
	}
	_, err = w.sync(ctx, repository, remote)
	return repository, err
}

// pages looks at the units of a version: the first page, the last, one by its path.
func (w *syncer) pages(ctx context.Context) error {
	n := w.size(20_000)
	repository, err := w.filled(ctx, n)
	if err != nil {
		return err
	}
	of := api + "content/file/files/?repository_version=" + repository + "versions/1/"
	path := (&folder{}).path(n / 2)
	for _, page := range []struct{ what, query string }{
		{"first page", "&limit=100"}, {"last page", fmt.Sprintf("&limit=100&offset=%d", n-100)}, {"one by path", "&relative_path=" + path},
	} {
		var took []float64
		for range 10 * w.runs() {
			begin := time.Now()
			var answer struct {
				Count int `json:"count"`
			}
			if err := w.client.get(ctx, of+page.query, &answer); err != nil {
				return err
			}
			if answer.Count == 0 {
				return fmt.Errorf("%s shows nothing", page.what)
			}
			took = append(took, milliseconds(time.Since(begin)))
		}
		w.report(w.figure(fmt.Sprintf("%s of %d units", page.what, n), "ms", took, below(10)))
	}
	return nil
}

// bareInserts stores the rows that a sync stores and does nothing else: no looking up, no staging, no counting.
func (w *syncer) bareInserts(ctx context.Context, n int) (time.Duration, error) {
	d, err := db.Open(ctx, db.Options{URL: w.system.database})
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }() // everything was committed
	repository, remote, err := w.target(ctx, w.up.at+"/none/PULP_MANIFEST", "on_demand")
	if err != nil {
		return 0, err
	}
	f := &folder{name: fmt.Sprintf("bare-%d", w.number()), files: n}
	digests := make([]string, n)
	for i := range digests {
		digests[i] = fmt.Sprintf("%064x", uint64(i)*2654435761+uint64(w.number())<<40)
	}
	begin := time.Now()
	const batch = 1000
	for at := 0; at < n; at += batch {
		rows := bareRows(f, at, min(at+batch, n), digests, objectID(repository), objectID(remote))
		err := d.InTx(ctx, func(tx *db.Tx) error {
			for _, r := range rows {
				if _, err := tx.InsertRows(r.table, r.Table, ""); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}

// bareTable is the rows of one table.
type bareTable struct {
	table string
	db.Table
}

func bareRows(f *folder, from, to int, digests []string, repository, remote string) []bareTable {
	all := []bareTable{
		{"core_contents", db.Table{Columns: db.Columns("id uuid", "domain_id uuid", "pulp_type text", "pulp_labels jsonb", "timestamp_of_interest timestamptz", "first_seen_at timestamptz",
			"pulp_created timestamptz", "pulp_last_updated timestamptz")}},
		{"file_contents", db.Table{Columns: db.Columns("id uuid", "domain_id uuid", "relative_path text", "digest text")}},
		{"core_content_artifacts", db.Table{Columns: db.Columns("content_id uuid", "relative_path text")}},
		{"core_remote_artifacts", db.Table{Columns: db.Columns("content_id uuid", "relative_path text", "remote_id uuid", "url text", "size bigint", "sha256 text", "alternate boolean")}},
		{"core_repository_contents", db.Table{Columns: db.Columns("repository_id uuid", "content_id uuid", "version_added bigint", "pulp_type text", "repo_key text", "added_at timestamptz")}},
	}
	for i := from; i < to; i++ {
		id, now := ident.New(), model.Now()
		path := f.name + "/" + f.path(i)
		for k, row := range [][]any{
			{id, ident.DefaultDomain, "file.file", "{}", now, now, now, now},
			{id, ident.DefaultDomain, path, digests[i]},
			{id, path},
			{id, path, remote, "http://127.0.0.1:1/" + path, fileSize, digests[i], false},
			{repository, id, 1, "file.file", path, now},
		} {
			all[k].Rows = append(all[k].Rows, row)
		}
	}
	return all
}

// objectID is the last segment of an href.
func objectID(href string) string {
	const uuid = 36
	return href[len(href)-1-uuid : len(href)-1]
}
