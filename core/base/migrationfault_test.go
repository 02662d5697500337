package base

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// finishedBefore is how many files are surely noted when the n-th is committed: no more than migrateWidth are under way.
func finishedBefore(n int) int64 { return int64(n - migrateWidth) }

func TestAMigrationThatIsCanceledGoesOn(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		const at = 8
		ctx, cancel := context.WithCancel(t.Context())
		first := m.target()
		first.before = func(n int) error {
			if n == at {
				cancel()
			}
			return nil
		}
		if err := m.migrate(ctx, first); !errs.Is(err, errs.Canceled) {
			t.Fatalf("a canceled migration ends with %v", err)
		}
		m.isAt(m.old)
		noted := m.noted()
		if noted < finishedBefore(at) || noted >= files {
			t.Fatalf("%d of %d files are noted", noted, files)
		}
		second := m.target()
		must(t, m.migrate(t.Context(), second))
		if n := second.artifacts(); int64(n) != files-noted {
			t.Errorf("%d files were copied in the second run, after %d in the first", n, noted)
		}
		m.arrived()
	})
}

func TestAStorageThatFailsInAMigration(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		const at = 6
		first := m.target()
		first.before = func(n int) error {
			if n >= at {
				return errs.New(errs.StorageFull, "the storage is full")
			}
			return nil
		}
		err := m.migrate(t.Context(), first)
		if !errs.Is(err, errs.StorageFull) || !strings.Contains(err.Error(), "sha256") {
			t.Fatalf("a full storage ends the migration with %v", err)
		}
		m.isAt(m.old)
		noted := m.noted()
		if noted < 1 || noted >= at {
			t.Fatalf("%d files are noted, where the %d. was refused", noted, at)
		}
		must(t, m.save("came between"))
		second := m.target()
		must(t, m.migrate(t.Context(), second))
		if n := second.artifacts(); int64(n) != files+1-noted {
			t.Errorf("%d files were copied in the second run, after %d in the first", n, noted)
		}
		m.arrived()
	})
}

func TestBytesThatAreDamagedInTheNewStorage(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		for _, prefix := range []string{"artifact/", "upload/"} {
			damaging, spoiled := m.target(), false
			damaging.damage = func(key string) bool { // files of one batch are copied side by side
				damaging.lock.Lock()
				defer damaging.lock.Unlock()
				if spoiled || !strings.HasPrefix(key, prefix) {
					return false
				}
				spoiled = true
				return true
			}
			if err := m.migrate(t.Context(), damaging); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "damaged in the new storage") {
				t.Fatalf("damage below %s: %v", prefix, err)
			}
			m.isAt(m.old)
		}
		if n := m.noted(); n != files {
			t.Fatalf("%d files are noted", n)
		}
		later := m.target() // what was whole when it came is damaged, or gone, later on
		var some []model.Artifact
		must(t, m.db.Read(t.Context()).Where("domain_id = ?", m.id).Limit(2).Find(&some).Error)
		must(t, later.spoil(t.Context(), some[0].File))
		must(t, later.Delete(t.Context(), some[1].File))
		later.committed = nil
		must(t, m.migrate(t.Context(), later))
		if n := later.artifacts(); n != 2 {
			t.Errorf("%d files were copied once more", n)
		}
		m.arrived()
	})
}

// A process that was given up does not know of it: another run goes on meanwhile, and the first one comes back.
func TestAMigrationWhoseProcessWasGivenUp(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		hangs, reached, goOn := m.target(), make(chan struct{}), make(chan struct{})
		var once sync.Once
		hangs.before = func(n int) error {
			if n == migrateWidth {
				once.Do(func() { close(reached) })
			}
			<-goOn
			return nil
		}
		given, ended := m.begin(), make(chan error, 1)
		go func() { ended <- migrateTo(t.Context(), given, m.env, m.task, hangs) }()
		<-reached
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_tasks SET state = ? WHERE id = ?", task.Failed, given.ID).Error
		}))
		must(t, m.migrate(t.Context(), m.target()))
		stamp := m.stamp()
		close(goOn)
		if err := <-ended; !errs.Is(err, errs.Canceled) {
			t.Errorf("the run that was given up ended with %v", err)
		}
		if m.stamp() != stamp {
			t.Error("the run that was given up changed the domain")
		}
		m.arrived()
	})
}

func (m *moving) stamp() string {
	m.t.Helper()
	var row model.Domain
	must(m.t, m.db.Read(m.t.Context()).Where("id = ?", m.id).Take(&row).Error)
	return row.StorageStamp
}

// Files are saved all the while. Each is saved or refused, and what was saved is there afterwards.
func TestFilesThatComeWhileADomainMoves(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		var senders sync.WaitGroup
		begun := make(chan struct{}, 1)
		for sender := range 3 {
			senders.Go(func() {
				<-begun
				for n := range 20 {
					text := fmt.Sprintf("file %d of the sender %d", n, sender)
					err := m.save(text)
					for errs.Is(err, errs.Unavailable) { // the storage was changed: send it again
						err = m.save(text)
					}
					if err != nil {
						t.Errorf("save a file: %v", err)
					}
				}
			})
		}
		to := m.target()
		to.before = func(n int) error {
			if n == 1 {
				close(begun)
			}
			return nil
		}
		late, err := m.store().Receive(t.Context(), strings.NewReader("received for the old storage"))
		must(t, err)
		must(t, m.migrate(t.Context(), to))
		err = m.db.InTx(t.Context(), func(tx *db.Tx) error { return m.note(tx, late, "received for the old storage") })
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("a file that was received for the old storage: %v", err)
		}
		must(t, late.Cancel())
		senders.Wait()
		m.arrived()
		if want := files + 3*20 + 1; len(m.files) != want {
			t.Errorf("%d files of %d are there", len(m.files), want)
		}
	})
}

// A file that is being saved when all others are copied keeps the switch waiting, and comes along.
func TestTheSwitchWaitsForWhoIsSaving(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		file, err := m.store().Receive(t.Context(), strings.NewReader("at the last moment"))
		must(t, err)
		ended := make(chan error, 1)
		run, to := m.begin(), m.target()
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
			if err := m.note(tx, file, "at the last moment"); err != nil {
				return err
			}
			go func() { ended <- migrateTo(t.Context(), run, m.env, m.task, to) }()
			return m.waiting(tx)
		}))
		must(t, <-ended)
		must(t, file.Cancel())
		m.arrived()
	})
}

// waiting comes back when somebody waits for the transaction, which has the row of the domain. SQLite lets nobody else write at all.
func (m *moving) waiting(tx *db.Tx) error {
	if tx.Dialect() == db.SQLite {
		return nil
	}
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		var waits int64
		err := tx.Raw("SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = CAST(pg_current_xact_id() AS xid)").Scan(&waits).Error
		if err != nil || waits > 0 {
			return err
		}
		select {
		case <-again.C:
		case <-m.t.Context().Done():
			return m.t.Context().Err()
		}
	}
}

// A clean-up of a domain that shares the new storage does not take chunks that are on their way for leftovers.
func TestChunksOnTheirWayAreNoStrays(t *testing.T) {
	onBothMoving(t, func(t *testing.T, m *moving) {
		cut, keys := m.target(), []string{}
		cut.before = func(int) error {
			cut.lock.Lock()
			defer cut.lock.Unlock()
			keys = cut.committed
			return nil
		}
		run := m.begin()
		mig := &migration{Env: m.env, run: run, place: domainPlace{m.id, m.task.Place.ID()}, from: m.store(), to: cut}
		var err error
		mig.progress, err = run.Progress(t.Context(), "migrate", "x", nil, "")
		must(t, err)
		must(t, mig.copyChunks(t.Context()))
		store := *m.store()
		store.Storage = cut
		c := &cleaner{Env: m.env, run: run, domain: m.id, store: &store, before: model.Now()}
		if n, err := c.dropChunks(t.Context(), keys); n != 0 || err != nil || len(keys) != 1 {
			t.Errorf("%d of %q were removed (%v)", n, keys, err)
		}
		must(t, mig.forgetChunks(t.Context()))
		if _, err := cut.Stat(t.Context(), keys[0]); !errs.Is(err, errs.NotFound) {
			t.Errorf("the copy of an earlier run is still there: %v", err)
		}
	})
}
