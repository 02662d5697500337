package serve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// dial is a clock that tests set.
type dial struct {
	mu sync.Mutex
	at time.Time
}

func (d *dial) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *dial) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = d.at.Add(by)
}

// memory is a memory whose clock stands still.
func memory(r *Resolver) (*Memory, *dial) {
	d := &dial{at: addedAt}
	return newMemory(r, 1<<20, d.clock()), d
}

// clock is one of a process that changes nothing by itself.
func (d *dial) clock() clock {
	return clock{now: d.now, commits: func() uint64 { return 0 }}
}

// TestTheMemoryIsRight: after any change, once a second has passed, it answers as the database does. Each step is a
// transaction on a database, so the histories are few.
func TestTheMemoryIsRight(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		guards := []*string{nil, w.guard(namedGuard, "open"), w.guard(namedGuard, "shut")}
		for n := range 4 {
			seed := rand.Uint64()
			h := newHistory(w, fmt.Sprint(n), guards, rand.New(rand.NewPCG(seed, 0)))
			for step := range 15 {
				done := h.step()
				if wrong := h.compare(); wrong != "" {
					t.Fatalf("seed %d, step %d, %s: %s", seed, step, done, wrong)
				}
			}
		}
	})
}

// history changes what one distribution serves.
type history struct {
	w      *world
	r      *Resolver
	m      *Memory
	clock  *dial
	rand   *rand.Rand
	guards []*string
	repo   *repo
	d      *model.Distribution
	bases  []string
	made   []*model.Publication
}

func newHistory(w *world, name string, guards []*string, rnd *rand.Rand) *history {
	h := &history{w: w, rand: rnd, guards: guards, bases: []string{"d" + name, "e" + name, "d" + name + "/dir"}}
	h.r = New(Options{DB: w.db, Kinds: kinds, Guards: guardKinds(nil)})
	h.m, h.clock = memory(h.r)
	h.repo = w.repository("r"+name, 3)
	h.repo.unit("f", "old", 1, 2)
	h.repo.unit("f", "new", 2, 0)
	h.repo.unit("dir/g", "g", 3, 0)
	h.d = w.distribute([]string{fileType, rawType}[rnd.IntN(2)], h.bases[0], func(d *model.Distribution) { d.RepositoryID = &h.repo.ID })
	return h
}

// step changes one thing and says what.
func (h *history) step() string {
	version := h.rand.Int64N(4)
	switch h.rand.IntN(7) {
	case 0:
		h.made = append(h.made, h.repo.publish(version, true, map[string]string{"p": fmt.Sprint("p", len(h.made))}))
		return "publish"
	case 1:
		if len(h.made) > 0 {
			h.w.change(func(tx *db.Tx) error {
				return tx.Delete(&model.Publication{}, "id = ?", h.made[h.rand.IntN(len(h.made))].ID).Error
			})
		}
		return "unpublish"
	case 2:
		h.attach("repository_id", h.repo.ID)
	case 3:
		h.attach("repository_version_id", h.repo.versions[version].ID)
	case 4:
		h.attach("publication_id", h.repo.publish(version, true, map[string]string{"q": "q"}).ID)
	case 5:
		h.set(map[string]any{"content_guard_id": h.guards[h.rand.IntN(3)], "base_path": h.bases[h.rand.IntN(3)]})
		return "guard and move"
	case 6:
		h.w.change(func(tx *db.Tx) error {
			return tx.Table("core_repositories").Where("id = ?", h.repo.ID).Update("latest_version", version).Error
		})
		return "version"
	}
	return "attach"
}

func (h *history) attach(column string, id string) {
	to := map[string]any{"repository_id": nil, "repository_version_id": nil, "publication_id": nil}
	to[column] = id
	h.set(to)
}

func (h *history) set(columns map[string]any) {
	h.w.t.Helper()
	columns["pulp_last_updated"] = model.Now()
	h.w.change(func(tx *db.Tx) error {
		return tx.Table("core_distributions").Where("id = ?", h.d.ID).Updates(columns).Error
	})
}

// compare asks for every path twice, of which the second is told from memory.
func (h *history) compare() (wrong string) {
	h.clock.pass(Fresh + time.Millisecond)
	q := &Request{Credentials: nobodysCredentials{}}
	for _, base := range h.bases[:2] {
		for _, below := range []string{"", "/", "/f", "/p", "/dir", "/dir/g", "/none"} {
			want := said(h.r.Resolve(h.w.t.Context(), ident.DefaultDomain, base+below, q))
			for range 2 {
				if got := said(h.m.Resolve(h.w.t.Context(), ident.DefaultDomain, base+below, q)); got != want {
					return fmt.Sprintf("%s is %s, and from memory %s", base+below, want, got)
				}
			}
		}
	}
	return ""
}

// said is a result in a word.
func said(result Result, err error) string {
	switch {
	case err != nil:
		return string(errs.KindOf(err))
	case result.AddSlash:
		return "slash"
	case result.Moved != "":
		return "moved"
	case result.Listing != nil:
		text := "list"
		for _, e := range result.Listing.Entries {
			text += " " + e.key()
		}
		return text
	case result.Found.Artifact == nil:
		return "missing"
	}
	return result.Found.Artifact.SHA256
}

// TestTheMemoryAsksOnceASecond counts what reaches the database.
func TestTheMemoryAsksOnceASecond(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		repo.unit("f", "f", 1, 0)
		w.distribute(rawType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		rec := &recorder{DB: w.db, Interface: logger.Discard}
		m, clock := memory(New(Options{DB: rec, Kinds: kinds}))
		ask := func(times int) int {
			rec.mu.Lock()
			rec.statements = nil
			rec.mu.Unlock()
			for range times {
				if _, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil); err != nil {
					t.Fatal(err)
				}
			}
			rec.mu.Lock()
			defer rec.mu.Unlock()
			return len(rec.statements)
		}
		first := ask(1)
		ask(1) // finds out what the distribution is at the moment
		if n := ask(1000); first < 4 || n != 0 {
			t.Errorf("%d statements at first, %d for a thousand more", first, n)
		}
		clock.pass(Fresh + 1)
		if n := ask(1000); n != 1 {
			t.Errorf("%d statements after a second", n)
		}
	})
}

// away is a database that can be cut off.
type away struct {
	*db.DB
	cut atomic.Bool
}

func (a *away) Read(ctx context.Context) *gorm.DB {
	if a.cut.Load() {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		return a.DB.Read(gone)
	}
	return a.DB.Read(ctx)
}

func TestWithoutADatabaseTheMemoryServesWhatIsOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		repo.unit("f", "f", 1, 0)
		w.distribute(rawType, "free", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.distribute(rawType, "guarded", func(d *model.Distribution) { d.RepositoryID, d.ContentGuardID = &repo.ID, w.guard(namedGuard, "open") })
		base := &away{DB: w.db}
		m, clock := memory(New(Options{DB: base, Kinds: kinds, Guards: guardKinds(nil)}))
		ask := func(path string) errs.Kind {
			return kindOf(m.Resolve(t.Context(), ident.DefaultDomain, path, &Request{Credentials: nobodysCredentials{}}))
		}
		for _, path := range []string{"free/f", "guarded/f", "free/f", "guarded/f"} {
			if got := ask(path); got != "" {
				t.Fatalf("%s: %q", path, got)
			}
		}
		base.cut.Store(true)
		for range 3 {
			clock.pass(Fresh + 1)
			for path, refused := range map[string]bool{"free/f": false, "guarded/f": true, "free/g": true} {
				if got := ask(path); (got != "") != refused {
					t.Errorf("without a database %s is %q", path, got)
				}
			}
		}
		base.cut.Store(false)
		clock.pass(Fresh + 1)
		if got := ask("guarded/f"); got != "" {
			t.Errorf("with the database again: %q", got)
		}
	})
}

func TestTheMemoryAsksTheGuardAboutEveryRequest(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		repo.unit("f", "f", 1, 0)
		asked := 0
		before := func() { asked++ }
		w.distribute(rawType, "d", func(d *model.Distribution) { d.RepositoryID, d.ContentGuardID = &repo.ID, w.guard(namedGuard, "open") })
		gated := 0
		m, _ := memory(New(Options{DB: w.db, Kinds: kinds, Guards: guardKinds(&before), Gate: func(context.Context, *model.Distribution, *Found) error {
			gated++
			return nil
		}}))
		for range 5 {
			if _, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", &Request{Credentials: nobodysCredentials{}}); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 5 || gated != 5 {
			t.Errorf("five requests, the guard was asked %d times and the gate %d", asked, gated)
		}
		if got := kindOf(m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)); got != errs.Forbidden {
			t.Errorf("without a request: %q", got)
		}
	})
}

func TestASlotLastsAsLongAsTheResult(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		repo.unit("f", "f", 1, 0)
		w.distribute(rawType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		m, _ := memory(New(Options{DB: w.db, Kinds: kinds}))
		slot := func() *Slot {
			result, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)
			if err != nil || result.Slot == nil {
				t.Fatalf("%+v, %v", result, err)
			}
			return result.Slot
		}
		if slot().Kept() != nil {
			t.Error("something was kept before anything was")
		}
		slot().Keep("made")
		if slot().Kept() != "made" {
			t.Error("what was kept is gone")
		}
		slot().Drop()
		if slot().Kept() != nil {
			t.Error("a dropped result is remembered")
		}
	})
}

func TestWhatThisProcessChangesIsSeenAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		repo.unit("f", "f", 1, 0)
		d := w.distribute(rawType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		stands := &dial{at: addedAt}
		m := newMemory(New(Options{DB: w.db, Kinds: kinds}), 1<<20, clock{now: stands.now, commits: w.db.Commits})
		for n := range 20 {
			to := any(repo.ID)
			if n%2 == 1 {
				to = nil
			}
			w.change(func(tx *db.Tx) error {
				return tx.Table("core_distributions").Where("id = ?", d.ID).Update("repository_id", to).Error
			})
			for range 2 {
				got := said(m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil))
				if (got == string(errs.NotFound)) != (to == nil) {
					t.Fatalf("change %d is not seen: %s", n, got)
				}
			}
		}
	})
}

func TestDomainsAreFoundAsTheyAre(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		base, stands := &away{DB: w.db}, &dial{at: addedAt}
		domains := newDomains(base, stands.clock())
		ask := func(name string) string {
			found, err := domains.Named(t.Context(), name)
			if err != nil {
				return string(errs.KindOf(err))
			}
			return found.ID
		}
		made := &model.Domain{ID: ident.New(), Name: "orchard", StorageClass: "x", PulpCreated: addedAt, PulpLastUpdated: addedAt}
		if got := ask("orchard"); got != string(errs.NotFound) {
			t.Errorf("before it is there: %s", got)
		}
		w.put(made)
		stands.pass(Fresh + 1)
		if got := ask("orchard"); got != made.ID {
			t.Errorf("a second after it was made: %s", got)
		}
		base.cut.Store(true)
		stands.pass(Fresh + 1)
		if got := ask("orchard"); got != made.ID {
			t.Errorf("without a database: %s", got)
		}
		if got := ask("meadow"); got == string(errs.NotFound) || got == "" {
			t.Errorf("an unknown one without a database: %s", got)
		}
	})
}

// TestWhoHasSeenTheNewIsNotToldTheOld: a path that is looked up shows that the others have changed too.
func TestWhoHasSeenTheNewIsNotToldTheOld(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 2)
		repo.unit("f", "old", 1, 2)
		repo.unit("f", "new", 2, 0)
		repo.unit("g", "g", 1, 0)
		first := repo.publish(1, true, nil)
		d := w.distribute(fileType, "d", func(d *model.Distribution) { d.PublicationID = &first.ID })
		m, clock := memory(New(Options{DB: w.db, Kinds: kinds}))
		ask := func(path string) string {
			result, err := m.Resolve(t.Context(), ident.DefaultDomain, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			return result.Found.Artifact.SHA256
		}
		ask("d/f")
		old := ask("d/f") // from memory
		second := repo.publish(2, true, nil)
		w.change(func(tx *db.Tx) error {
			return tx.Model(d).Updates(map[string]any{"publication_id": second.ID, "pulp_last_updated": model.Now()}).Error
		})
		clock.pass(time.Millisecond)
		if ask("d/f") != old {
			t.Fatal("the test shows nothing: it is noticed without a second path")
		}
		ask("d/g")
		clock.pass(time.Millisecond)
		if ask("d/f") == old {
			t.Error("g was told of the new publication and f, asked for later, of the old one")
		}
	})
}

// TestWhatWasGivenBackIsNotRemembered: the row of the artifact and the bytes are gone.
func TestWhatWasGivenBackIsNotRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		unit := repo.unit("f", "f", 1, 0)
		w.distribute(rawType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		m, clock := memory(New(Options{DB: w.db, Kinds: kinds}))
		ask := func() *Found {
			result, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)
			if err != nil {
				t.Fatal(err)
			}
			return result.Found
		}
		ask()
		if ask().Artifact == nil {
			t.Fatal("it is not stored")
		}
		w.change(func(tx *db.Tx) error {
			if err := tx.Exec("UPDATE core_content_artifacts SET artifact_id = NULL WHERE content_id = ?", unit.ID).Error; err != nil {
				return err
			}
			return tx.Exec("UPDATE core_domains SET reclaims = reclaims + 1").Error
		})
		clock.pass(Fresh + 1)
		if ask().Missing == nil {
			t.Error("it is said to be stored still")
		}
	})
}

// TestAGuardIsReadOnceForAllWhoHaveIt: what is known of a hundred distributions costs no more than of one.
func TestAGuardIsReadOnceForAllWhoHaveIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		guard := w.guard(namedGuard, "open")
		var ids []string
		for i := range 100 {
			ids = append(ids, w.distribute(rawType, fmt.Sprint("d", i), func(d *model.Distribution) { d.ContentGuardID = guard }).ID)
		}
		rec := &recorder{DB: w.db, Interface: logger.Discard}
		m, _ := memory(New(Options{DB: rec, Kinds: kinds, Guards: guardKinds(nil)}))
		all, err := m.look(t.Context(), ids)
		if err != nil || len(all) != 100 || all[ids[7]].guard == nil {
			t.Fatalf("%d, %v", len(all), err)
		}
		if n := len(rec.statements); n > 5 {
			t.Errorf("%d statements", n)
		}
	})
}
