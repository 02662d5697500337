package reseal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/reseal"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const ddl = `CREATE TABLE one (id {{uuid}} PRIMARY KEY, value {{bytes}});
CREATE TABLE two (number {{int}} PRIMARY KEY, value {{bytes}} NOT NULL);`

var (
	one = secret.Column{Table: "one", Column: "value", Key: "id", Purpose: "test.one"}
	two = secret.Column{Table: "two", Column: "value", Key: "number", Purpose: "test.two"}
)

// store is a database with sealed values and the boxes of a rotation.
type store struct {
	t                *testing.T
	db               *db.DB
	path             string
	before, now, new *secret.Box
	old              string // id of the retiring key
	// wide counts the rows of two, whose contents are v0, v1 and so on.
	wide int
}

func onBoth(t *testing.T, wide int, test func(t *testing.T, s *store)) {
	t.Parallel()
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			address := "sqlite://" + filepath.Join(t.TempDir(), "x.db")
			if dialect == db.Postgres {
				address = testkit.Postgres(t)
			}
			s := &store{t: t, db: tables.Open(t, address, ddl), wide: wide}
			s.fill()
			test(t, s)
		})
	}
}

func raw(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

func (s *store) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) fill() {
	s.t.Helper()
	s.path = filepath.Join(s.t.TempDir(), "key")
	s.must(os.WriteFile(s.path, []byte(base64.StdEncoding.EncodeToString(raw(2))+"\n"+base64.StdEncoding.EncodeToString(raw(1))+"\n"), 0o600))
	var err error
	s.before, err = secret.New(raw(1))
	s.must(err)
	s.new, err = secret.New(raw(2))
	s.must(err)
	s.now, err = secret.Load(s.path)
	s.must(err)
	s.old = s.before.IDs()[0]
	s.must(s.db.InTx(s.t.Context(), func(tx *db.Tx) error {
		for i := range s.wide {
			if err := tx.Exec("INSERT INTO two (number, value) VALUES (?, ?)", i, s.sealed(s.before, two, i)).Error; err != nil {
				return err
			}
		}
		for i, box := range []*secret.Box{s.before, s.now, nil} {
			var value []byte
			if box != nil {
				value = s.sealed(box, one, i)
			}
			if err := tx.Exec("INSERT INTO one (id, value) VALUES (?, ?)", ident.New(), value).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

func text(i int) string { return fmt.Sprintf("v%d", i) }

func (s *store) sealed(box *secret.Box, c secret.Column, i int) []byte {
	s.t.Helper()
	value, err := box.Seal(c.Purpose, []byte(text(i)))
	s.must(err)
	return value
}

func (s *store) work() reseal.Work {
	return reseal.Work{DB: s.db, Box: s.now, Columns: []secret.Column{one, two}}
}

// check opens everything with the new key alone.
func (s *store) check(changed map[int]string) {
	s.t.Helper()
	rows, err := s.db.Read(s.t.Context()).Raw("SELECT number, value FROM two").Rows()
	s.must(err)
	defer func() { s.must(rows.Close()) }()
	n := 0
	for ; rows.Next(); n++ {
		var number int
		var value []byte
		s.must(rows.Scan(&number, &value))
		want, other := changed[number]
		if !other {
			want = text(number)
		}
		if plain, err := s.new.Open(two.Purpose, value); err != nil || string(plain) != want {
			s.t.Fatalf("row %d is %q (%v), want %q", number, plain, err, want)
		}
	}
	if n != s.wide {
		s.t.Fatalf("%d rows, want %d", n, s.wide)
	}
}

func TestARotationSealsEverythingAgain(t *testing.T) {
	onBoth(t, 450, func(t *testing.T, s *store) {
		calls := 0
		w := s.work()
		w.Report = func(secret.Column, int) { calls++ }
		out, err := w.Run(t.Context())
		if err != nil || out.Sealed != 451 || len(out.Lost) != 0 || calls != 4 {
			t.Fatalf("%+v in %d batches: %v", out, calls, err)
		}
		s.check(nil)
		tallies, err := w.Count(t.Context())
		s.must(err)
		if len(tallies) != 2 || tallies[0] != (reseal.Tally{Column: one, Key: s.new.IDs()[0], Values: 2}) || tallies[1].Values != 450 {
			t.Errorf("counted %+v", tallies)
		}
		if out, err := w.Run(t.Context()); err != nil || out.Sealed != 0 {
			t.Errorf("a second run: %+v, %v", out, err)
		}
	})
}

func TestAStoppedRotationGoesOn(t *testing.T) {
	onBoth(t, 450, func(t *testing.T, s *store) {
		ctx, stop := context.WithCancel(t.Context())
		w := s.work()
		w.Report = func(c secret.Column, _ int) {
			if c == two {
				stop()
			}
		}
		out, err := w.Run(ctx)
		if !errors.Is(err, context.Canceled) || out.Sealed != 201 {
			t.Fatalf("stopped: %+v, %v", out, err)
		}
		w.Report = nil
		if out, err := w.Run(t.Context()); err != nil || out.Sealed != 250 {
			t.Fatalf("went on: %+v, %v", out, err)
		}
		s.check(nil)
	})
}

// TestChangesOfOthersAreNotLost changes values between the reading and the replacing of a batch and around it: with the
// old key (a process that does not follow the file) and with the new one.
func TestChangesOfOthersAreNotLost(t *testing.T) {
	onBoth(t, 300, func(t *testing.T, s *store) {
		changed := map[int]string{}
		var mu sync.Mutex
		change := func(number int, box *secret.Box) {
			mu.Lock()
			defer mu.Unlock()
			changed[number] = "changed " + text(number)
			value, err := box.Seal(two.Purpose, []byte(changed[number]))
			if err == nil {
				err = s.db.InTx(t.Context(), func(tx *db.Tx) error {
					return tx.Exec("UPDATE two SET value = ? WHERE number = ?", value, number).Error
				})
			}
			if err != nil {
				t.Error(err)
			}
		}
		w := s.work()
		pass := 0
		w.Report = func(c secret.Column, _ int) {
			if pass++; pass < 4 {
				change(pass, s.before) // behind the rotation: another pass finds it
			}
		}
		var others sync.WaitGroup
		for i := range 4 {
			others.Go(func() {
				for n := 50 * (i + 1); n < 50*(i+1)+25; n++ {
					change(n, []*secret.Box{s.before, s.now}[n%2])
				}
			})
		}
		_, err := w.Run(t.Context())
		others.Wait()
		s.must(err)
		w.Report = nil
		_, err = w.Run(t.Context()) // for what the others sealed after the first had ended
		s.must(err)
		s.check(changed)
	})
}

// TestAChangeBetweenReadAndReplaceStays has a change land exactly between the reading of a value and its replacing: a
// trigger makes it when the first row of the batch is replaced, in the transaction that goes on to the second.
func TestAChangeBetweenReadAndReplaceStays(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, s *store) {
		byOld, byNew := s.changedTo(s.before), s.changedTo(s.now)
		s.onFirstReplaced(byOld, byNew)
		var reports []int
		w := s.work()
		w.Report = func(c secret.Column, done int) {
			if c == two {
				reports = append(reports, done)
			}
		}
		out, err := w.Run(t.Context())
		if err != nil || len(out.Lost) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		// The first pass replaces row 0 alone, the next one what was sealed with the old key meanwhile.
		if !slices.Equal(reports, []int{1, 1}) || out.Sealed != 3 {
			t.Errorf("replaced %v, in all %d", reports, out.Sealed)
		}
		s.check(map[int]string{1: changedText, 2: changedText})
		var stored []byte
		s.must(s.db.Read(t.Context()).Raw("SELECT value FROM two WHERE number = 2").Row().Scan(&stored))
		if !bytes.Equal(stored, byNew) {
			t.Error("what somebody sealed with the new key was written over")
		}
	})
}

const changedText = "changed meanwhile"

func (s *store) changedTo(box *secret.Box) []byte {
	s.t.Helper()
	value, err := box.Seal(two.Purpose, []byte(changedText))
	s.must(err)
	return value
}

// onFirstReplaced changes rows 1 and 2 when row 0 is, once.
func (s *store) onFirstReplaced(one, two []byte) {
	s.t.Helper()
	statements := []string{fmt.Sprintf(`CREATE TRIGGER meanwhile AFTER UPDATE OF value ON two WHEN OLD.number = 0
		BEGIN UPDATE two SET value = x'%x' WHERE number = 1; UPDATE two SET value = x'%x' WHERE number = 2; END`, one, two)}
	if s.db.Dialect() == db.Postgres {
		statements = []string{fmt.Sprintf(`CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN UPDATE two SET value = '\x%x' WHERE number = 1; UPDATE two SET value = '\x%x' WHERE number = 2; RETURN NULL; END $$`, one, two),
			"CREATE TRIGGER meanwhile AFTER UPDATE OF value ON two FOR EACH ROW WHEN (OLD.number = 0) EXECUTE FUNCTION meanwhile()"}
	}
	s.must(s.db.InTx(s.t.Context(), func(tx *db.Tx) error {
		for _, statement := range statements {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestWhatDoesNotOpenIsToldAndLeft(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, s *store) {
		foreign, err := secret.New(raw(3))
		s.must(err)
		s.must(s.db.InTx(t.Context(), func(tx *db.Tx) error {
			for number, value := range map[int][]byte{10: s.sealed(foreign, two, 0), 11: s.sealed(s.before, one, 0), 12: []byte("plain text, long enough")} {
				if err := tx.Exec("INSERT INTO two (number, value) VALUES (?, ?)", number, value).Error; err != nil {
					return err
				}
			}
			return nil
		}))
		out, err := s.work().Run(t.Context())
		if err != nil || out.Sealed != 4 || out.Lost[two] != 3 || len(out.Lost) != 1 {
			t.Errorf("%+v, %v", out, err)
		}
		tallies, err := s.work().Count(t.Context())
		s.must(err)
		by := map[string]int{}
		for _, tally := range tallies {
			by[tally.Key] += tally.Values
		}
		if by[""] != 1 || by[foreign.IDs()[0]] != 1 || by[s.old] != 1 || by[s.new.IDs()[0]] != 5 {
			t.Errorf("counted %v", by)
		}
	})
}

// TestAProcessThatStaysBehindIsTold has somebody seal with the old key after each batch.
func TestAProcessThatStaysBehindIsTold(t *testing.T) {
	onBoth(t, 2, func(t *testing.T, s *store) {
		w := s.work()
		w.Report = func(secret.Column, int) {
			if err := s.db.InTx(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
				return tx.Exec("UPDATE two SET value = ? WHERE number = 0", s.sealed(s.before, two, 0)).Error
			}); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.Run(t.Context()); !errs.Is(err, errs.Conflict) {
			t.Errorf("it ended as if all was done: %v", err)
		}
	})
}
