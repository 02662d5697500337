package serve

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// board is a store in memory, on which tests do what they like.
type board struct {
	mu     sync.Mutex
	values map[string][]byte
	away   bool
	gets   int
}

func (b *board) Get(_ context.Context, name string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gets++
	if b.away {
		return nil
	}
	return slices.Clone(b.values[name])
}

func (b *board) Set(_ context.Context, name string, value []byte, _ time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.away:
	case value == nil:
		delete(b.values, name)
	default:
		b.values[name] = slices.Clone(value)
	}
}

// each changes every value.
func (b *board) each(change func(name string, value []byte) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.values {
		b.values[name] = change(name, value)
	}
}

const life = 10 * time.Minute

var sealKey = bytes.Repeat([]byte{7}, 32)

// process is a memory of its own over a resolver of its own, with a clock that all processes of a test share.
func (b *board) process(r *Resolver, d *dial, bytes int64) *Memory {
	return newMemory(r, bytes, d.clock()).Share(Sharing{Store: b, Key: sealKey, Life: life})
}

func newBoard() *board { return &board{values: map[string][]byte{}} }

// shared is a world with one file, and what two processes on it have in common.
type shared struct {
	*world
	*board
	clock *dial
	rec   *recorder
	base  *away
	d     *model.Distribution
	repo  *repo
}

func newShared(w *world, set func(d *model.Distribution)) *shared {
	s := &shared{world: w, board: newBoard(), clock: &dial{at: addedAt}, base: &away{DB: w.db}}
	s.rec = &recorder{DB: w.db, Interface: logger.Discard}
	s.repo = w.repository("a", 1)
	s.repo.unit("f", "f", 1, 0)
	s.repo.unit("dir/g", "g", 1, 0)
	s.d = w.distribute(rawType, "d", func(d *model.Distribution) {
		d.RepositoryID = &s.repo.ID
		if set != nil {
			set(d)
		}
	})
	return s
}

func (s *shared) on(db Reader) *Resolver {
	return New(Options{DB: db, Kinds: kinds, Guards: guardKinds(nil)})
}

func visitor() *Request { return &Request{Credentials: nobodysCredentials{}} }

func (s *shared) ask(m *Memory, path string) string {
	return said(m.Resolve(s.t.Context(), ident.DefaultDomain, path, visitor()))
}

// everything is a path for each way to answer.
var everything = []string{"d/f", "d", "d/", "d/dir", "d/dir/", "d/none"}

// TestWhatOneProcessLookedUpTheOtherKnows: with and without a memory of its own it asks the database for nothing but the
// stamp.
func TestWhatOneProcessLookedUpTheOtherKnows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newShared(w, nil)
		first := s.process(s.on(w.db), s.clock, 1<<20)
		for _, bytes := range []int64{1 << 20, 0} {
			var from []string
			second := s.process(s.on(s.rec), s.clock, bytes).Count(func(f string) { from = append(from, f) })
			for _, path := range everything {
				want := s.ask(first, path)
				for range 2 {
					if got := s.ask(second, path); got != want {
						t.Errorf("%s is %q for one process and %q for the other", path, want, got)
					}
				}
			}
			if len(s.rec.statements) != 1 || slices.Contains(from, FromDatabase) {
				t.Errorf("the second process came with %d statements:\n%s\n%v", len(s.rec.statements), strings.Join(s.rec.statements, "\n"), from)
			}
			if memory := slices.Contains(from, FromMemory); memory != (bytes > 0) {
				t.Errorf("with %d bytes of memory: %v", bytes, from)
			}
			s.rec.statements = nil
		}
	})
}

// TestWhatIsSharedComesWhole: the file that comes out is the one that went in, and a listing of a repository's own folder
// has its usage.
func TestWhatIsSharedComesWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newShared(w, nil)
		with := slices.Clone(kinds)
		with[1].Usage = func(string, *Listing) []Snippet { return nil }
		r := New(Options{DB: w.db, Kinds: with})
		first, second := s.process(r, s.clock, 1<<20), s.process(r, s.clock, 1<<20)
		for path, usage := range map[string]bool{"d/f": false, "d/": true, "d/dir/": false} {
			want, err := first.Resolve(t.Context(), ident.DefaultDomain, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := second.Resolve(t.Context(), ident.DefaultDomain, path, nil)
			if err != nil || !got.Remembered || want.Remembered || (got.Usage != nil) != usage {
				t.Fatalf("%s: %+v, %v", path, got, err)
			}
			if path == "d/f" && (*got.Found.Artifact != *want.Found.Artifact && fmt.Sprint(*got.Found.Artifact) != fmt.Sprint(*want.Found.Artifact) || got.Found.ContentID != want.Found.ContentID || !got.Found.AddedAt.Equal(want.Found.AddedAt) || got.Found.Path != want.Found.Path) {
				t.Errorf("%+v became %+v", want.Found, got.Found)
			}
		}
	})
}

// TestManyProcessesAreRight: whatever changes, and whatever happens to the store, once a second has passed every process
// answers as the database does.
func TestManyProcessesAreRight(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		guards := []*string{nil, w.guard(namedGuard, "open"), w.guard(namedGuard, "shut")}
		for n := range 3 {
			seed := rand.Uint64()
			rnd := rand.New(rand.NewPCG(seed, 0))
			h := newHistory(w, fmt.Sprint(n), guards, rnd)
			b := newBoard()
			memories := []*Memory{b.process(h.r, h.clock, 1<<20), b.process(h.r, h.clock, 0), b.process(h.r, h.clock, 1<<20)}
			for step := range 15 {
				done := h.step() + ", " + b.mistreat(rnd)
				for i, m := range memories {
					h.m = m
					if wrong := h.compare(); wrong != "" {
						t.Fatalf("seed %d, step %d, process %d, %s: %s", seed, step, i, done, wrong)
					}
				}
			}
		}
	})
}

// mistreat does something to the store and says what.
func (b *board) mistreat(rnd *rand.Rand) string {
	b.mu.Lock()
	b.away = false
	names := slices.Collect(maps.Keys(b.values))
	b.mu.Unlock()
	switch rnd.IntN(5) {
	case 0:
		b.each(func(string, []byte) []byte { return nil })
		return "emptied"
	case 1:
		b.away = true
		return "away"
	case 2:
		b.each(func(_ string, v []byte) []byte {
			if len(v) > 0 {
				v[rnd.IntN(len(v))] ^= 1 << rnd.IntN(8)
			}
			return v
		})
		return "damaged"
	case 3:
		if len(names) > 0 {
			b.each(func(string, []byte) []byte { return slices.Clone(b.values[names[rnd.IntN(len(names))]]) })
		}
		return "moved around"
	}
	return "left alone"
}

// TestNobodyForgesAnAnswer: what another key has sealed, what belongs to another path, what is too old, cut or too long
// is looked up again.
func TestNobodyForgesAnAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newShared(w, nil)
		if got := s.ask(s.process(s.on(w.db), s.clock, 1<<20), "d/f"); got != w.artifact("f").SHA256 {
			t.Fatal(got)
		}
		at := address{ident.DefaultDomain, "d/f"}
		mine := &sharing{Sharing: Sharing{Store: s, Key: sealKey, Life: life}, resolver: s.on(w.db), now: s.clock.now}
		known := mine.get(t.Context(), at)
		if known == nil {
			t.Fatal("nothing is shared")
		}
		name := mine.name(at)
		good := s.values[name]
		bad := &answer{stamp: known.stamp, result: known.result}
		bad.result.Found = &Found{Artifact: w.artifact("something else"), Path: "f"}
		foreign := &sharing{Sharing: Sharing{Store: s, Key: bytes.Repeat([]byte{8}, 32), Life: life}, now: s.clock.now}
		for what, value := range map[string][]byte{
			"plain":        mine.write(bad),
			"another key":  foreign.sealer(name).Seal(nil, nil, mine.write(bad), []byte(name)),
			"another name": mine.sealer(mine.name(address{ident.DefaultDomain, "d/g"})).Seal(nil, nil, mine.write(bad), []byte(mine.name(address{ident.DefaultDomain, "d/g"}))),
			"cut":          good[:len(good)-1],
			"longer":       append(slices.Clone(good), 0),
			"too long":     make([]byte, mostShared+1),
			"short":        {1},
		} {
			s.values[name] = value
			if mine.get(t.Context(), at) != nil {
				t.Errorf("%s counts", what)
			}
		}
		s.values[name] = good
		s.clock.pass(life)
		if mine.get(t.Context(), at) == nil {
			t.Error("it does not count as long as it should")
		}
		s.clock.pass(time.Second)
		if mine.get(t.Context(), at) != nil {
			t.Error("an old one counts")
		}
		s.clock.pass(-time.Hour)
		if mine.get(t.Context(), at) != nil {
			t.Error("one of the future counts")
		}
	})
}

// TestOnlyTheRightFormCounts: a sealed text that is no answer to what was asked is none.
func TestOnlyTheRightFormCounts(t *testing.T) {
	t.Parallel()
	s := &sharing{Sharing: Sharing{Life: life}, resolver: New(Options{DB: &db.DB{}, Kinds: append(slices.Clone(kinds), Kind{PulpType: finderType, Finder: func(context.Context, *model.Distribution, string) (*Found, error) { return nil, notFound() }})}), now: func() time.Time { return addedAt }}
	at := address{"dom", "d/f"}
	plain := func() *answer {
		d := &model.Distribution{Base: model.Base{ID: "x", DomainID: "dom"}, PulpType: rawType, BasePath: "d"}
		return &answer{stamp: "s", result: Result{Distribution: d, Found: &Found{Path: "f", Artifact: &model.Artifact{Base: model.Base{ID: "a"}, File: "x", SHA256: strings.Repeat("ab", 32)}}}}
	}
	if s.read(at, s.write(plain())) == nil {
		t.Fatal("the right one does not count")
	}
	for what, spoil := range map[string]func(a *answer){
		"no stamp":          func(a *answer) { a.stamp = "" },
		"another domain":    func(a *answer) { a.result.Distribution.DomainID = "other" },
		"another base path": func(a *answer) { a.result.Distribution.BasePath = "d/f/g" },
		"half a base path":  func(a *answer) { a.result.Distribution.BasePath = "d/" },
		"unknown kind":      func(a *answer) { a.result.Distribution.PulpType = unknownType },
		"a finder's kind":   func(a *answer) { a.result.Distribution.PulpType = finderType },
		"two answers":       func(a *answer) { a.result.AddSlash = true },
		"no answer":         func(a *answer) { a.result.Found = nil },
		"not stored":        func(a *answer) { a.result.Found.Artifact = nil },
		"missing":           func(a *answer) { a.result.Found.Missing = &Missing{} },
		"no digest":         func(a *answer) { a.result.Found.Artifact.SHA256 = "" },
		"less than nothing": func(a *answer) { a.result.Found.Artifact.Size = -1 },
		"a path that leads": func(a *answer) { a.result.Found.Path = "../f" },
		"moved elsewhere":   func(a *answer) { a.result.Found, a.result.Moved = nil, "//evil" },
	} {
		a := plain()
		spoil(a)
		if s.read(at, s.write(a)) != nil {
			t.Errorf("%s counts", what)
		}
	}
	for _, text := range []string{"", "{}", "null", string(s.write(plain())) + "{}", `{"More":1,` + string(s.write(plain()))[1:]} {
		if s.read(at, []byte(text)) != nil {
			t.Errorf("%s counts", text)
		}
	}
	long := plain()
	long.result.Found, long.result.Listing = nil, &Listing{Entries: make([]Entry, mostSharedListed+1)}
	if s.write(long) != nil {
		t.Error("a long listing is shared")
	}
}

// TestTheFormIsThatOfItsNumber: processes of two versions read each other's answers as long as formNumber is the same.
// Whoever changes the form here has to raise it.
func TestTheFormIsThatOfItsNumber(t *testing.T) {
	t.Parallel()
	text, size, moment := "t", int64(3), addedAt
	s := &sharing{now: func() time.Time { return addedAt }}
	base := model.Base{ID: "i", DomainID: "o", PulpCreated: moment, PulpLastUpdated: moment}
	got := string(s.write(&answer{stamp: "s", err: notFound(), result: Result{
		Distribution: &model.Distribution{Base: base, PulpType: "p", Name: "n", BasePath: "b", ContentGuardID: &text, Hidden: true, RepositoryID: &text, RepositoryVersionID: &text, PublicationID: &text, RemoteID: &text, Checkpoint: true, PulpLabels: model.Labels{"k": &text}},
		Found:        &Found{Artifact: &model.Artifact{Base: base, File: "f", Size: 1, MD5: &text, SHA1: &text, SHA224: &text, SHA256: "d", SHA384: &text, SHA512: &text, TimestampOfInterest: moment, ReclaimAfter: &moment}, Path: "p", ContentID: "c", AddedAt: moment},
		Listing:      &Listing{Entries: []Entry{{Name: "n", Dir: true, Size: &size, Modified: moment, SHA256: "d"}}},
		Usage:        func(string, *Listing) []Snippet { return nil }, AddSlash: true, Moved: "m",
	}}))
	const want = `1 {"At":"2026-01-02T03:04:05Z","Stamp":"s","Distribution":{"ID":"i","DomainID":"o","PulpCreated":"2026-01-02T03:04:05Z","PulpLastUpdated":"2026-01-02T03:04:05Z","PulpType":"p","Name":"n","BasePath":"b","ContentGuardID":"t","Hidden":true,"RepositoryID":"t","RepositoryVersionID":"t","PublicationID":"t","RemoteID":"t","Checkpoint":true,"PulpLabels":{"k":"t"}},"Found":{"Artifact":{"ID":"i","DomainID":"o","PulpCreated":"2026-01-02T03:04:05Z","PulpLastUpdated":"2026-01-02T03:04:05Z","File":"f","Size":1,"MD5":"t","SHA1":"t","SHA224":"t","SHA256":"d","SHA384":"t","SHA512":"t","TimestampOfInterest":"2026-01-02T03:04:05Z","ReclaimAfter":"2026-01-02T03:04:05Z"},"Missing":null,"Path":"p","ContentID":"c","AddedAt":"2026-01-02T03:04:05Z"},"Entries":[{"Name":"n","Dir":true,"Size":3,"Modified":"2026-01-02T03:04:05Z","SHA256":"d"}],"Usage":true,"AddSlash":true,"Moved":"m","Nothing":"there is nothing under this path"}`
	if formNumber+" "+got != want {
		t.Errorf("the form of what is shared has changed: raise formNumber, and write here\n%s", formNumber+" "+got)
	}
}

// TestWithoutADatabaseWhatIsSharedGoesOn: by a process that has never seen it too, until its time is over; what is guarded
// is refused, and so is what had changed when the database was last there.
func TestWithoutADatabaseWhatIsSharedGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newShared(w, nil)
		w.distribute(rawType, "guarded", func(d *model.Distribution) {
			d.RepositoryID, d.ContentGuardID = &s.repo.ID, w.guard(namedGuard, "open")
		})
		first := s.process(s.on(s.base), s.clock, 1<<20)
		for _, path := range []string{"d/f", "guarded/f"} {
			if got := s.ask(first, path); got != w.artifact("f").SHA256 {
				t.Fatalf("%s: %s", path, got)
			}
		}
		s.base.cut.Store(true)
		second := s.process(s.on(s.base), s.clock, 1<<20)
		if got := s.ask(second, "d/f"); got != w.artifact("f").SHA256 {
			t.Errorf("an open file is %q", got)
		}
		if got := s.ask(second, "guarded/f"); got != string(errs.Unavailable) {
			t.Errorf("a guarded file is %q", got)
		}
		s.clock.pass(life + 1)
		if got := s.ask(second, "d/f"); got == w.artifact("f").SHA256 {
			t.Error("it goes on after its time")
		}
	})
}

func TestWhatHadChangedIsNotServedWithoutADatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, change := range []map[string]any{{"content_guard_id": *w.guard(namedGuard, "open")}, {"repository_id": nil}, nil} {
			s := newShared(&world{t: t, db: w.db}, nil)
			first := s.process(s.on(s.base), s.clock, 1<<20)
			s.ask(first, "d/f")
			s.ask(first, "d/dir/g")
			w.change(func(tx *db.Tx) error {
				if change == nil {
					return tx.Delete(&model.Distribution{}, "id = ?", s.d.ID).Error
				}
				return tx.Table("core_distributions").Where("id = ?", s.d.ID).Updates(change).Error
			})
			s.clock.pass(Fresh + 1)
			s.ask(first, "d/f") // finds out
			s.base.cut.Store(true)
			s.clock.pass(Fresh + 1)
			if got := s.ask(first, "d/dir/g"); got == w.artifact("g").SHA256 {
				t.Errorf("after %v it is still served", change)
			}
			w.change(func(tx *db.Tx) error {
				return tx.Exec("DELETE FROM core_distributions").Error
			})
			w.change(func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_repositories").Error })
		}
	})
}

// TestADroppedAnswerIsForgottenByAll: a file that was not where an answer led to is not looked for there again.
func TestADroppedAnswerIsForgottenByAll(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := newShared(w, nil)
		for _, bytes := range []int64{1 << 20, 0} {
			m := s.process(s.on(w.db), s.clock, bytes)
			for range 2 {
				result, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)
				if err != nil || len(s.values) != 1 {
					t.Fatalf("%v, %d are shared", err, len(s.values))
				}
				result.Slot.Drop()
				if len(s.values) != 0 {
					t.Error("it is still shared")
				}
			}
		}
	})
}

func FuzzShared(f *testing.F) {
	s := &sharing{Sharing: Sharing{Life: life, Key: sealKey}, resolver: New(Options{DB: &db.DB{}, Kinds: kinds}), now: func() time.Time { return addedAt }}
	d := &model.Distribution{Base: model.Base{ID: "x", DomainID: "dom"}, PulpType: rawType, BasePath: "d"}
	at := address{"dom", "d/f"}
	name := s.name(at)
	for _, r := range []Result{{AddSlash: true}, {Moved: "d/g"}, {Listing: &Listing{}}, {Found: &Found{Path: "f", Artifact: &model.Artifact{Base: model.Base{ID: "a"}, File: "x", SHA256: strings.Repeat("ab", 32)}}}} {
		r.Distribution = d
		plain := s.write(&answer{stamp: "s", result: r})
		f.Add(plain)
		f.Add(s.sealer(name).Seal(nil, nil, plain, []byte(name)))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		b := newBoard()
		b.values[name] = value
		s := *s
		s.Store = b
		_ = s.get(t.Context(), at)
		known := s.read(at, value) // as if whoever wrote it had the key
		if known == nil {
			return
		}
		d := known.result.Distribution
		if d == nil || d.DomainID != at.domain || !strings.HasPrefix(at.path+"/", d.BasePath+"/") {
			t.Errorf("an answer about %+v counts", d)
		}
		if result, err := known.tell(); err == nil && result.Found != nil && result.Found.Artifact == nil {
			t.Error("a file without an artifact counts")
		}
	})
}

var _ Shared = (*board)(nil)
