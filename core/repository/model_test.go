package repository_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/task"
)

// unit is content as the model knows it; key is empty for a type without keys.
type unit struct{ id, key string }

func (u unit) pulpType() string {
	if u.key == "" {
		return "test.plain"
	}
	return "test.path"
}

// book is a repository as the model knows it: its versions as sets, and the next number.
type book struct {
	row      *model.Repository
	versions map[int64]map[unit]bool
	next     int64
}

func (b *book) numbers() []int64 { return slices.Sorted(maps.Keys(b.versions)) }

func (b *book) latest() map[unit]bool { n := b.numbers(); return b.versions[n[len(n)-1]] }

// play lays a delta over a set as the contract says it, slowly; code is that of the refusal, "" for none.
func play(from map[unit]bool, removeAll, keep bool, remove, add []unit) (set map[unit]bool, code string) {
	before := maps.Clone(from)
	if removeAll {
		before = map[unit]bool{}
	}
	for _, u := range remove {
		delete(before, u)
	}
	set = maps.Clone(before)
	wanted := map[unit]bool{}
	for _, u := range add {
		wanted[u] = true
	}
	for _, u := range add {
		for other := range before {
			if u.key != "" && other.key == u.key && !wanted[other] {
				if keep {
					return nil, "PLP0023"
				}
				delete(set, other)
			}
		}
	}
	for u := range wanted {
		set[u] = true
	}
	return set, clash(set)
}

// clash is PLP0022 when two units of a set have one place, or one lies below the other.
func clash(set map[unit]bool) string {
	for a := range set {
		for b := range set {
			if a != b && a.key != "" && b.key != "" && (a.key == b.key || strings.HasPrefix(b.key, a.key+"/")) {
				return "PLP0022"
			}
		}
	}
	return ""
}

func TestVersionsAreWhatAModelSays(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.KeepFolders(2) // so that new paths are looked at in several pieces
		var units []unit
		for _, key := range []string{"a", "a", "a/b", "a/b/c", "a0", "a-", "b", "b", "b/c", "c", "", "", ""} {
			u := unit{key: key}
			if key == "" {
				u.id = w.plain()
			} else {
				u.id = w.path(key)
			}
			units = append(units, u)
		}
		rapid.Check(t, func(t *rapid.T) {
			s := &story{rt: t, w: w, units: units, books: []*book{w.book(), w.book()}}
			t.Repeat(map[string]func(*rapid.T){"commit": s.commit, "commit again": s.commit, "sync": s.sync, "delete": s.delete, "retain": s.retain, "": s.check})
		})
	})
}

func (w *world) book() *book {
	r := w.repository(ident.New(), nil)
	return &book{row: r, versions: map[int64]map[unit]bool{0: {}}, next: 1}
}

// story is one run of random steps over two repositories.
type story struct {
	rt    *rapid.T
	w     *world
	units []unit
	books []*book
}

func (s *story) commit(t *rapid.T) {
	b := rapid.SampledFrom(s.books).Draw(t, "repository")
	some := rapid.SliceOfN(rapid.SampledFrom(s.units), 0, 4)
	remove, add := some.Draw(t, "remove"), some.Draw(t, "add")
	d := repository.Delta{Remove: ids(remove), Add: ids(add), RemoveAll: rapid.IntRange(0, 9).Draw(t, "all") == 0, KeepExisting: rapid.IntRange(0, 4).Draw(t, "keep") == 0}
	from := b.latest()
	if rapid.IntRange(0, 3).Draw(t, "based") == 0 {
		other := rapid.SampledFrom(s.books).Draw(t, "base of")
		n := rapid.SampledFrom(other.numbers()).Draw(t, "base")
		d.Base, from = s.w.numbered(other.row.ID, n), other.versions[n]
	}
	want, code := play(from, d.RemoveAll, d.KeepExisting, remove, add)
	v, err := s.w.commit(b.row.ID, d)
	s.compare(t, b, want, code, v, err)
}

// sync stages units in batches, some of them twice, and takes some back, as a sync does that sees an upstream go by.
func (s *story) sync(t *rapid.T) {
	b := rapid.SampledFrom(s.books).Draw(t, "repository")
	staged := map[string]unit{}
	task := s.w.task()
	for range rapid.IntRange(0, 3).Draw(t, "batches") {
		batch := rapid.SliceOfN(rapid.SampledFrom(s.units), 0, 5).Draw(t, "batch")
		back := rapid.IntRange(0, 4).Draw(t, "back") == 0
		for _, u := range batch {
			if back {
				delete(staged, u.place())
			} else {
				staged[u.place()] = u
			}
		}
		s.w.stage(task, batch, back)
	}
	d := repository.Delta{Staged: task, Mirror: rapid.Bool().Draw(t, "mirror")}
	want, code := play(b.latest(), d.Mirror, false, nil, slices.Collect(maps.Values(staged)))
	v, err := s.w.commit(b.row.ID, d)
	s.compare(t, b, want, code, v, err)
}

func (u unit) place() string {
	if u.key == "" {
		return u.id
	}
	return u.key
}

func (w *world) stage(task string, batch []unit, back bool) {
	byType := map[string][]repository.Staged{}
	for _, u := range batch {
		byType[u.pulpType()] = append(byType[u.pulpType()], repository.Staged{Key: u.key, ContentID: u.id})
	}
	w.tx(func(tx *db.Tx) error {
		for pulpType, units := range byType {
			do := repository.Stage
			if back {
				do = repository.Unstage
			}
			if err := do(tx, task, pulpType, units); err != nil {
				return err
			}
		}
		return nil
	})
}

// task makes the row of a task that stages.
func (w *world) task() string {
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.sync", State: task.Running, Args: []byte{1}}
	row.PulpCreated, row.PulpLastUpdated = model.Now(), model.Now()
	w.tx(func(tx *db.Tx) error { return tx.Create(row).Error })
	return row.ID
}

// compare looks whether a commit came to what the model says.
func (s *story) compare(t *rapid.T, b *book, want map[unit]bool, code string, v *model.RepositoryVersion, err error) {
	switch {
	case code != "" && !refused(err):
		t.Fatalf("want %s, got %v", code, err)
	case code == "" && err != nil:
		t.Fatalf("commit: %v", err)
	case code != "":
	case maps.Equal(want, b.latest()):
		if v != nil {
			t.Fatalf("no change made version %d", v.Number)
		}
	case v == nil || v.Number != b.next:
		t.Fatalf("made %+v, want number %d", v, b.next)
	default:
		b.versions[b.next] = want
		b.next++
	}
}

// refused holds for either refusal: a delta may deserve both, and which one comes first is nobody's business.
func refused(err error) bool { return coded(err, "PLP0022") || coded(err, "PLP0023") }

func (s *story) delete(t *rapid.T) {
	b := rapid.SampledFrom(s.books).Draw(t, "repository")
	n := rapid.SampledFrom(b.numbers()).Draw(t, "number")
	err := s.w.delete(s.w.numbered(b.row.ID, n))
	if len(b.versions) == 1 {
		if !coded(err, "PLP0011") {
			t.Fatalf("deleting the last version gave %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(b.versions, n)
}

func (s *story) retain(t *rapid.T) {
	b := rapid.SampledFrom(s.books).Draw(t, "repository")
	keep := rapid.Int64Range(1, 4).Draw(t, "keep")
	must(s.w.t, s.w.InTx(s.w.t.Context(), func(tx *db.Tx) error { return s.w.Retain(tx, b.row.ID, &keep) }))
	for _, n := range b.numbers()[:max(0, int64(len(b.versions))-keep)] {
		delete(b.versions, n)
	}
}

// check compares all that is there with the model, from two reads for each repository; one version is read as others read it.
func (s *story) check(t *rapid.T) {
	for _, b := range s.books {
		rows, members := s.w.versions(b.row.ID), s.w.memberships(b.row.ID)
		numbers := b.numbers()
		if len(rows) != len(numbers) {
			t.Fatalf("there are %d versions, want %v", len(rows), numbers)
		}
		before, looked := map[unit]bool{}, rapid.IntRange(0, len(rows)-1).Draw(t, "looked at")
		for i, number := range numbers {
			v, want := &rows[i], b.versions[number]
			if v.Number != number {
				t.Fatalf("version %d is there, want %d", v.Number, number)
			}
			var set repository.Set
			got := within(members, number)
			for _, id := range got {
				set.Add(id)
			}
			if !slices.Equal(got, sortedIDs(want)) || v.SetHash != set.String() {
				t.Fatalf("version %d has %v, want %v; its hash is %s", number, got, sortedIDs(want), v.SetHash)
			}
			s.checkCounts(t, v, before, want)
			if i == looked {
				s.checkChanges(t, v, before, want)
			}
			before = want
		}
		s.checkRepository(t, b, members)
	}
}

func (w *world) memberships(repo string) (rows []model.Membership) {
	w.t.Helper()
	must(w.t, w.Read(w.t.Context()).Where("repository_id = ?", repo).Order("content_id").Find(&rows).Error)
	return rows
}

// within are the identities of a version.
func within(rows []model.Membership, number int64) []string {
	ids := []string{}
	for _, m := range rows {
		if m.VersionAdded <= number && (m.VersionRemoved == nil || *m.VersionRemoved > number) {
			ids = append(ids, m.ContentID)
		}
	}
	return ids
}

func (s *story) checkCounts(t *rapid.T, v *model.RepositoryVersion, before, now map[unit]bool) {
	counts, err := v.ReadCounts()
	must(s.w.t, err)
	want := model.Counts{Added: count(now, before), Removed: count(before, now), Present: count(now, nil)}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Fatalf("counts of version %d are %v, want %v", v.Number, counts, want)
	}
}

// checkChanges reads what a version added and removed from the rows, as lists of content do.
func (s *story) checkChanges(t *rapid.T, v *model.RepositoryVersion, before, now map[unit]bool) {
	must(s.w.t, s.w.InTx(s.w.t.Context(), func(tx *db.Tx) error { return repository.Verify(tx, v) }))
	read := s.w.Read(s.w.t.Context())
	previous, err := repository.Previous(read, v.RepositoryID, v.Number)
	must(s.w.t, err)
	for what, want := range map[repository.Change][]string{repository.Added: sortedIDs(minus(now, before)), repository.Removed: sortedIDs(minus(before, now)), repository.Present: sortedIDs(now)} {
		where, args := what.Rows("rc", v.RepositoryID, previous, v.Number)
		var got []string
		must(s.w.t, read.Raw("SELECT content_id FROM core_repository_contents rc WHERE "+where+" ORDER BY content_id", args...).Scan(&got).Error)
		if !slices.Equal(got, want) {
			t.Fatalf("version %d %s %v, want %v", v.Number, what, got, want)
		}
	}
}

// checkRepository compares the row, and looks for memberships that no version has: they would protect content for ever.
func (s *story) checkRepository(t *rapid.T, b *book, members []model.Membership) {
	var row model.Repository
	must(s.w.t, s.w.Read(s.w.t.Context()).Where("id = ?", b.row.ID).Take(&row).Error)
	numbers := b.numbers()
	if row.NextVersion != b.next || row.LatestVersion != numbers[len(numbers)-1] {
		t.Fatalf("the row says next %d, latest %d; want %d, %d", row.NextVersion, row.LatestVersion, b.next, numbers[len(numbers)-1])
	}
	for _, m := range members {
		if !slices.ContainsFunc(numbers, func(n int64) bool { return len(within([]model.Membership{m}, n)) > 0 }) {
			t.Fatalf("the membership %+v belongs to no version of %v", m, numbers)
		}
	}
}

func (w *world) numbered(repo string, n int64) *model.RepositoryVersion {
	w.t.Helper()
	var v model.RepositoryVersion
	must(w.t, w.Read(w.t.Context()).Where("repository_id = ? AND number = ?", repo, n).Take(&v).Error)
	return &v
}

func ids(units []unit) []string {
	out := make([]string, len(units))
	for i, u := range units {
		out[i] = u.id
	}
	return out
}

func sortedIDs(set map[unit]bool) []string {
	out := ids(slices.Collect(maps.Keys(set)))
	slices.Sort(out)
	return out
}

func minus(a, b map[unit]bool) map[unit]bool {
	out := maps.Clone(a)
	maps.DeleteFunc(out, func(u unit, _ bool) bool { return b[u] })
	return out
}

func count(a, without map[unit]bool) map[string]int64 {
	counts := map[string]int64{}
	for u := range minus(a, without) {
		counts[u.pulpType()]++
	}
	return counts
}

func coded(err error, code string) bool {
	e, ok := errors.AsType[*errs.Error](err)
	return ok && e.Code == code
}
