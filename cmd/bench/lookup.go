package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/packhouse/packhouse/core/db"
)

// measureLookUp measures how long a download of ten bytes takes out of a distribution of very many paths: when its path is
// asked for the first time, and again.
func measureLookUp(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	if err := s.stock(ctx, b.most); err != nil {
		return err
	}
	first := figure{Work: "lookup", Mode: mode, What: fmt.Sprintf("one of %d paths, not remembered: p99", b.most), Unit: "ms", Goal: below(5)}
	again := figure{Work: "lookup", Mode: mode, What: fmt.Sprintf("one of %d paths, remembered: p99", b.most), Unit: "ms", Goal: below(1)}
	folders := figure{Work: "lookup", Mode: mode, What: fmt.Sprintf("a listing of 100 folders with %d files in them, looked up each time: p50", b.most), Unit: "ms"}
	var half, halfAgain []float64
	asked := 0
	for range b.runs() {
		fresh, err := s.ask(ctx, b.enough(2000), func(n int) string { return stocked(asked+n, b.most) })
		if err != nil {
			return err
		}
		known, err := s.ask(ctx, b.enough(2000), func(n int) string { return stocked(asked+n%100, b.most) })
		if err != nil {
			return err
		}
		asked += b.enough(2000)
		first.Runs, half = append(first.Runs, quantile(fresh.took, 0.99)), append(half, median(fresh.took))
		again.Runs, halfAgain = append(again.Runs, quantile(known.took, 0.99)), append(halfAgain, median(known.took))
	}
	first.Notes, again.Notes = fmt.Sprintf("one client; p50 %s ms", short(median(half))), fmt.Sprintf("one client; p50 %s ms", short(median(halfAgain)))
	b.report(first)
	b.report(again)
	if err := s.relaunch(ctx, "CONTENT_MEMORY", "0"); err != nil {
		return err
	}
	for range b.runs() {
		o, err := s.ask(ctx, b.enough(50), func(int) string { return "/pulp/content/large/" })
		if err != nil {
			return err
		}
		folders.Runs = append(folders.Runs, median(o.took))
	}
	b.report(folders)
	return nil
}

// ask has one client ask for one path after the other.
func (s *system) ask(ctx context.Context, count int, path func(n int) string) (outcome, error) {
	return load{address: s.contentAt, clients: 1, count: count, round: func(_ context.Context, w *wire, n int) error {
		return expect(w, getRequest(s.contentAt, path(n)), http.StatusOK)
	}}.run(ctx)
}

// relaunch starts the processes again with another setting.
func (s *system) relaunch(ctx context.Context, name, value string) error {
	if err := s.halt(); err != nil {
		return err
	}
	s.set(name, value)
	return s.launch(ctx)
}

// stocked is the address of a file, another one for each n below most.
func stocked(n, most int) string {
	const step = 999_983 // a prime, so that all are met, and never two that lie side by side
	i := 1 + n*step%most
	return fmt.Sprintf("/pulp/content/large/d%d/f%d", i%100, i)
}

// stock publishes and distributes a repository of n files under "large".
func (s *system) stock(ctx context.Context, n int) error {
	l, err := s.load(ctx, n)
	if err != nil {
		return err
	}
	c := s.client()
	href, err := c.repository(ctx, "large", nil)
	if err != nil {
		return err
	}
	if err := l.members(ctx, path.Base(href), n); err != nil {
		return err
	}
	if err := s.shelve(ctx, l); err != nil {
		return err
	}
	if err := l.publication(ctx, path.Base(href)); err != nil {
		return err
	}
	if _, err = c.task(ctx, http.MethodPost, api+"distributions/file/file/", map[string]any{"name": "large", "base_path": "large", "repository": href}); err != nil {
		return err
	}
	return l.settled(ctx)
}

// shelve puts the bytes of the loaded artifacts where a system on the file system looks for them.
func (s *system) shelve(ctx context.Context, l loader) error {
	media := filepath.Join(s.dir, "data", "media", "none")
	if err := os.MkdirAll(media, 0o750); err != nil {
		return err
	}
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		for i := range shared {
			body := fmt.Appendf(nil, "%010d", i)
			if err := os.WriteFile(filepath.Join(media, fmt.Sprint(i)), body, 0o600); err != nil {
				return err
			}
			if err := tx.Exec("UPDATE core_artifacts SET sha256 = ? WHERE file = ?", fmt.Sprintf("%x", sha256.Sum256(body)), fmt.Sprint("none/", i)).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// publication publishes version 1 of a repository, as it is and without a manifest.
func (l loader) publication(ctx context.Context, repositoryID string) error {
	const id = "01930000-0000-7000-8003-000000000001"
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		err := tx.Exec(l.text(`INSERT INTO core_publications (id, domain_id, pulp_type, repository_id, repository_version_id, version_number, complete, pass_through, pulp_created, pulp_last_updated)
			SELECT '` + id + `', {domain}, 'file.file', repository_id, id, number, TRUE, TRUE, {now}, {now} FROM core_repository_versions WHERE repository_id = '` + repositoryID + `' AND number = 1`)).Error
		if err != nil {
			return fmt.Errorf("publish what was loaded: %w", err)
		}
		return tx.Exec(l.text(`INSERT INTO file_publications (id, domain_id) SELECT '` + id + `', {domain}`)).Error
	})
}
