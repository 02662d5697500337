package base

import (
	"context"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// TestARecordingIsKeptWithItsTask: it is no orphan while the task is there, and one afterwards.
func TestARecordingIsKeptWithItsTask(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		d := tables.Open(t, url, "")
		files, err := fs.New(t.TempDir())
		check(t, err)
		t.Cleanup(func() { check(t, files.Close()) })
		now := model.Now()
		row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.recorded", State: task.Running, Args: []byte("{}"), PulpCreated: now, PulpLastUpdated: now}
		check(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
		keep := KeepProfiles(d, &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256}})
		for _, content := range []string{"first", "second"} {
			check(t, keep(t.Context(), row, task.MemoryProfile, strings.NewReader(content)))
		}
		check(t, keep(t.Context(), row, task.TaskLogs, strings.NewReader("second")))
		if got := orphans(t, d); len(got) != 1 || got[0] != 5 {
			t.Errorf("orphans have the sizes %v, want that of the one that was replaced", got)
		}
		check(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Where("seq = ?", row.Seq).Delete(&task.Row{}).Error }))
		if got := orphans(t, d); len(got) != 2 {
			t.Errorf("orphans have the sizes %v once the task is gone", got)
		}
		if err := keep(t.Context(), row, task.MemoryProfile, strings.NewReader("third")); err == nil {
			t.Error("a recording of no task was kept")
		}
		if err := keep(context.Background(), &task.Row{ID: row.ID, DomainID: ident.New()}, "x", strings.NewReader("")); err == nil {
			t.Error("a recording of another domain was kept")
		}
	})
}

func orphans(t *testing.T, d *db.DB) (sizes []int64) {
	t.Helper()
	check(t, d.Read(t.Context()).Table("core_artifacts AS c").Where(orphanArtifact).Order("c.size").Pluck("c.size", &sizes).Error)
	return sizes
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pieces is a client that gets a body.
type pieces struct{ strings.Builder }

func (*pieces) Flush() error { return nil }

// TestARecordingIsSentWhole: one that the storage has another length of is no whole answer.
func TestARecordingIsSentWhole(t *testing.T) {
	t.Parallel()
	for size, fine := range map[int64]bool{8: true, 7: false, 9: false} {
		to := &pieces{}
		if err := sendArtifact(to, strings.NewReader("recorded"), &model.Artifact{Size: size}); (err == nil) != fine || to.String() != "recorded" {
			t.Errorf("of %d bytes %q is sent: %v", size, to, err)
		}
	}
}
