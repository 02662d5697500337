package repository_test

import (
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
)

func TestRetainKeepsTheNewestAndWhatIsServed(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(s *served)
		want  string
	}{
		"nobody serves":                {func(*served) {}, "[4 5]"},
		"a version is named":           {func(s *served) { s.distribute(model.Distribution{RepositoryVersionID: &s.v[2].ID}) }, "[2 4 5]"},
		"a publication is named":       {func(s *served) { s.distribute(model.Distribution{PublicationID: s.publish(1, true, false)}) }, "[1 4 5]"},
		"a publication nobody serves":  {func(s *served) { s.publish(1, true, false) }, "[4 5]"},
		"followed, nothing published":  {func(s *served) { s.distribute(model.Distribution{RepositoryID: &s.r.ID}) }, "[3 4 5]"},
		"followed, an older published": {func(s *served) { s.publish(1, true, false); s.distribute(model.Distribution{RepositoryID: &s.r.ID}) }, "[1 4 5]"},
		"followed, only a draft":       {func(s *served) { s.publish(1, false, false); s.distribute(model.Distribution{RepositoryID: &s.r.ID}) }, "[3 4 5]"},
		"checkpoints are served": {func(s *served) {
			s.publish(1, true, true)
			s.publish(2, true, false)
			s.publish(5, true, false)
			s.distribute(model.Distribution{RepositoryID: &s.r.ID, Checkpoint: true})
		}, "[1 3 4 5]"},
		"checkpoints of nobody": {func(s *served) {
			s.publish(1, true, true)
			s.publish(2, true, false)
			s.distribute(model.Distribution{})
		}, "[4 5]"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				s := &served{world: w, r: w.repository("retained", nil)}
				s.v = append(s.v, w.numbered(s.r.ID, 0))
				for range 5 {
					s.v = append(s.v, w.version(s.r.ID, repository.Delta{Add: []string{w.plain()}}))
				}
				c.serve(s)
				keep := int64(2)
				w.tx(func(tx *db.Tx) error { return w.Retain(tx, s.r.ID, &keep) })
				if got := fmt.Sprint(w.numbers(s.r.ID)); got != c.want {
					t.Errorf("kept %s, want %s", got, c.want)
				}
			})
		})
	}
}

// A version that is deleted by a commit's retention is folded into the next one, for ever.
func TestCommitAppliesRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		keep := int64(1)
		r := w.repository("one", &keep)
		for i := range 4 {
			v := w.version(r.ID, repository.Delta{Add: []string{w.plain()}})
			if got := fmt.Sprint(w.numbers(r.ID)); got != fmt.Sprint([]int{i + 1}) {
				t.Fatalf("versions %s after commit %d", got, i+1)
			}
			counts, err := w.numbered(r.ID, v.Number).ReadCounts()
			must(t, err)
			if counts.Added["test.plain"] != int64(i+1) || counts.Present["test.plain"] != int64(i+1) {
				t.Errorf("the only version counts %v", counts)
			}
		}
	})
}

func TestProtectedVersionsAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := &served{world: w, r: w.repository("refused", nil)}
		v := w.version(s.r.ID, repository.Delta{Add: []string{w.plain()}})
		s.v = []*model.RepositoryVersion{w.numbered(s.r.ID, 0), v}
		w.tx(func(tx *db.Tx) error { return repository.RefuseProtected(tx, v) })
		s.distribute(model.Distribution{RepositoryVersionID: &v.ID})
		if err := w.InTx(t.Context(), func(tx *db.Tx) error { return repository.RefuseProtected(tx, v) }); err == nil {
			t.Error("a version that is served may be deleted")
		}
		w.tx(func(tx *db.Tx) error { return repository.RefuseProtected(tx, s.v[0]) })
	})
}

// served is a repository of which somebody serves something.
type served struct {
	*world
	r *model.Repository
	v []*model.RepositoryVersion
}

func (s *served) distribute(d model.Distribution) {
	d.Base = model.NewBase(ident.DefaultDomain)
	d.Name, d.BasePath, d.PulpType = d.ID, d.ID, "test.test"
	s.tx(func(tx *db.Tx) error { return tx.Create(&d).Error })
}

func (s *served) publish(number int, complete, checkpoint bool) *string {
	v := s.v[number]
	p := &model.Publication{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", RepositoryID: v.RepositoryID, RepositoryVersionID: v.ID, VersionNumber: v.Number,
		Complete: complete, Checkpoint: checkpoint}
	s.tx(func(tx *db.Tx) error { return tx.Create(p).Error })
	return &p.ID
}

func (w *world) numbers(repo string) (numbers []int64) {
	for _, v := range w.versions(repo) {
		numbers = append(numbers, v.Number)
	}
	return numbers
}
