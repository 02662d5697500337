package repository_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
)

func TestRefusedDeltasChangeNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		a, otherA, below, file := w.path("a"), w.path("a"), w.path("a/b"), w.path("x/y/z")
		for name, c := range map[string]struct {
			first []string
			d     repository.Delta
			code  string
			kind  errs.Kind
		}{
			"two units of one key":          {nil, repository.Delta{Add: []string{a, otherA}}, "PLP0022", errs.Conflict},
			"a member and a new unit":       {[]string{a}, repository.Delta{Add: []string{a, otherA}}, "PLP0022", errs.Conflict},
			"a file below a file":           {[]string{a}, repository.Delta{Add: []string{below}}, "PLP0022", errs.Conflict},
			"a file where a folder is":      {[]string{below}, repository.Delta{Add: []string{a}}, "PLP0022", errs.Conflict},
			"a folder and a file at once":   {nil, repository.Delta{Add: []string{a, below}}, "PLP0022", errs.Conflict},
			"a file where a deep folder is": {[]string{file}, repository.Delta{Add: []string{w.path("x")}}, "PLP0022", errs.Conflict},
			"a unit that is kept":           {[]string{a}, repository.Delta{Add: []string{otherA}, KeepExisting: true}, "PLP0023", errs.Conflict},
			"content that is gone":          {[]string{a}, repository.Delta{Add: []string{file, ident.New()}}, "", errs.NotFound},
			"a base that is gone":           {[]string{a}, repository.Delta{Base: &model.RepositoryVersion{Base: model.NewBase(ident.DefaultDomain)}}, "", errs.NotFound},
		} {
			r := w.repository(name, nil)
			if c.first != nil {
				w.version(r.ID, repository.Delta{Add: c.first})
			}
			before := w.versions(r.ID)
			v, err := w.commit(r.ID, c.d)
			if !errs.Is(err, c.kind) || c.code != "" && !coded(err, c.code) || v != nil {
				t.Errorf("%s: gave %v, %v", name, v, err)
			}
			if after := w.versions(r.ID); len(after) != len(before) || !slices.Equal(w.members(&after[len(after)-1]), slices.Sorted(slices.Values(c.first))) {
				t.Errorf("%s: left %d versions with %v", name, len(after), w.members(&after[len(after)-1]))
			}
		}
	})
}

// A delta is more than one statement can take, and two units with one key lie in different batches of it.
func TestALargeDelta(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		all := w.seed(1200, "f")
		r := w.repository("large", nil)
		v := w.version(r.ID, repository.Delta{Add: append(all, all[0], all[700])})
		if got := w.members(v); !slices.Equal(got, all) {
			t.Fatalf("%d members", len(got))
		}
		// One that is a member and one that is new, a thousand identities apart.
		twin := w.path("f/0")
		for _, add := range [][]string{append(slices.Clone(all), twin), append([]string{twin}, all...)} {
			if _, err := w.commit(r.ID, repository.Delta{Add: add}); !coded(err, "PLP0022") {
				t.Errorf("two units of one key in two batches gave %v", err)
			}
		}
		w.version(r.ID, repository.Delta{RemoveAll: true})
		if got := w.members(w.version(r.ID, repository.Delta{Base: v})); !slices.Equal(got, all) {
			t.Errorf("rolled back to %d members", len(got))
		}
		if got := w.members(w.version(r.ID, repository.Delta{Remove: all[100:]})); !slices.Equal(got, all[:100]) {
			t.Errorf("%d are left", len(got))
		}
	})
}

// What the base brings is displaced as what was there before.
func TestAddDisplacesUnitsOfTheBase(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		old, young := w.path("a"), w.path("a")
		from, to := w.repository("from", nil), w.repository("to", nil)
		base := w.version(from.ID, repository.Delta{Add: []string{old}})
		if _, err := w.commit(to.ID, repository.Delta{Base: base, Add: []string{young}, KeepExisting: true}); !coded(err, "PLP0023") {
			t.Errorf("keeping what the base brings gave %v", err)
		}
		v := w.version(to.ID, repository.Delta{Base: base, Add: []string{young}})
		if got := w.members(v); !slices.Equal(got, []string{young}) || v.BaseVersionID == nil || *v.BaseVersionID != base.ID {
			t.Errorf("has %v on base %v", got, v.BaseVersionID)
		}
	})
}

func TestContentAndBasesOfOtherDomainsAreNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		domain := ident.New()
		now := model.Now()
		unit, r := w.plain(), w.repository("other", nil)
		v := w.version(r.ID, repository.Delta{Add: []string{unit}})
		w.tx(func(tx *db.Tx) error {
			return errors.Join(tx.Create(&model.Domain{ID: domain, Name: "other", StorageClass: "x", PulpCreated: now, PulpLastUpdated: now}).Error,
				tx.Exec("UPDATE core_contents SET domain_id = ?", domain).Error, tx.Exec("UPDATE core_repository_versions SET domain_id = ?", domain).Error)
		})
		v.DomainID = domain
		mine := w.repository("mine", nil)
		for name, d := range map[string]repository.Delta{"content": {Add: []string{unit}}, "base": {Base: v}} {
			if _, err := w.commit(mine.ID, d); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s of another domain gave %v", name, err)
			}
		}
	})
}

func TestConcurrentCommitsAllSucceed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const writers = 6
		r := w.repository("busy", nil)
		units := w.seed(writers, "f")
		var wait sync.WaitGroup
		failures := make([]error, writers)
		for i := range writers {
			wait.Go(func() {
				failures[i] = w.InTx(t.Context(), func(tx *db.Tx) error { _, err := w.Commit(tx, r.ID, repository.Delta{Add: units[i : i+1]}); return err })
			})
		}
		wait.Wait()
		must(t, errors.Join(failures...))
		all := w.versions(r.ID)
		if len(all) != writers+1 || all[writers].Number != writers {
			t.Fatalf("%d versions", len(all))
		}
		for i := range all {
			if n := len(w.members(&all[i])); n != i {
				t.Errorf("version %d has %d members", i, n)
			}
			w.tx(func(tx *db.Tx) error { return repository.Verify(tx, &all[i]) })
		}
	})
}

func TestVerifyTellsAChangedVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := w.repository("changed", nil)
		v := w.version(r.ID, repository.Delta{Add: w.seed(3, "f")})
		w.tx(func(tx *db.Tx) error { return repository.Verify(tx, v) })
		w.tx(func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_repository_contents SET version_removed = version_added WHERE content_id = ?", w.members(v)[1]).Error
		})
		if err := w.InTx(t.Context(), func(tx *db.Tx) error { return repository.Verify(tx, v) }); err == nil {
			t.Error("a version that lost a unit is taken for what was committed")
		}
	})
}

func TestContentOfAPluginThatIsNotEnabled(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		unit, r := w.plain(), w.repository("disabled", nil)
		w.Committer = repository.NewCommitter()
		if _, err := w.commit(r.ID, repository.Delta{Add: []string{unit}}); !coded(err, "PLP0002") {
			t.Errorf("gave %v", err)
		}
	})
}

// seed makes many units at paths below a folder, in the order of their identities.
func (w *world) seed(n int, folder string) []string { return w.seedFrom(0, n, folder) }

// seedFrom begins with the identity of a number.
func (w *world) seedFrom(first, n int, folder string) []string {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { return seed(tx, first, n, folder) })
	var ids []string
	must(w.t, w.Read(w.t.Context()).Raw("SELECT id FROM test_paths WHERE path LIKE ? ORDER BY id", folder+"/%").Scan(&ids).Error)
	return ids
}

// seed makes n units in two statements. Identities are numbered: their order is that of their numbers.
func seed(tx *db.Tx, first, n int, folder string) error {
	id := `printf('%08x-0000-7000-8000-000000000000', n)`
	if tx.Dialect() == db.Postgres {
		id = `CAST(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000' AS uuid)`
	}
	numbers := fmt.Sprintf("WITH RECURSIVE numbers (n) AS (SELECT %d UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)", first, first+n-1)
	now := model.Now()
	err := tx.Exec(`INSERT INTO core_contents (id, domain_id, pulp_type, pulp_labels, timestamp_of_interest, first_seen_at, pulp_created, pulp_last_updated)
		`+numbers+` SELECT `+id+`, '`+ident.DefaultDomain+`', 'test.path', '{}', CAST(? AS `+timeType(tx)+`), CAST(? AS `+timeType(tx)+`), CAST(? AS `+timeType(tx)+`), CAST(? AS `+timeType(tx)+`) FROM numbers`,
		now, now, now, now).Error
	if err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO test_paths (id, path) ` + numbers + ` SELECT ` + id + `, '` + folder + `/' || n FROM numbers`).Error
}

func timeType(tx *db.Tx) string {
	if tx.Dialect() == db.Postgres {
		return "timestamptz"
	}
	return "text"
}
