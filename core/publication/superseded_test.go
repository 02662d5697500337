package publication_test

import (
	"slices"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
)

// superseded gives what distributions have ceased to serve: names of distributions, publications.
func (w *world) superseded() map[string][]string {
	w.t.Helper()
	var rows []struct{ Name, PublicationID string }
	must(w.t, w.Read(w.t.Context()).Raw("SELECT d.name, s.publication_id FROM core_superseded s JOIN core_distributions d ON d.id = s.distribution_id WHERE NOT s.barred ORDER BY s.superseded_at, s.publication_id").Scan(&rows).Error)
	all := map[string][]string{}
	for _, r := range rows {
		all[r.Name] = append(all[r.Name], r.PublicationID)
	}
	return all
}

func (w *world) distribute(name string, set func(d *model.Distribution)) *model.Distribution {
	w.t.Helper()
	d := &model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: name, BasePath: name}
	set(d)
	w.tx(func(tx *db.Tx) error { return tx.Create(d).Error })
	return d
}

func (w *world) made(v *model.RepositoryVersion) string {
	w.t.Helper()
	p, err := w.publish(v, func(*publication.Draft) error { return nil })
	must(w.t, err)
	return p.ID
}

func TestWhatAPublicationSupersedes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		one, two := w.version(1), w.version(1)
		w.distribute("repository", func(d *model.Distribution) { d.RepositoryID = &w.repo.ID })
		w.distribute("checkpoint", func(d *model.Distribution) { d.RepositoryID, d.Checkpoint = &w.repo.ID, true })
		w.distribute("version", func(d *model.Distribution) { d.RepositoryVersionID = &one.ID })
		w.distribute("nothing", func(*model.Distribution) {})
		first := w.made(one)
		w.distribute("publication", func(d *model.Distribution) { d.PublicationID = &first })
		if got := w.superseded(); len(got) != 0 {
			t.Errorf("the first publication supersedes %v", got)
		}
		second := w.made(two)
		w.made(one) // an older version is published again: only who is bound to it gets another one
		got := w.superseded()
		if !slices.Equal(got["repository"], []string{first}) || !slices.Equal(got["version"], []string{first}) || len(got) != 2 {
			t.Errorf("first %s, second %s: %v", first, second, got)
		}
		w.made(two)
		if got := w.superseded(); !slices.Equal(got["repository"], []string{first, second}) {
			t.Errorf("the same version again: %v", got)
		}
	})
}

func TestWhatAnotherBindingSupersedes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		one, two := w.version(1), w.version(1)
		first, second := w.made(one), w.made(two)
		d := w.distribute("d", func(d *model.Distribution) { d.PublicationID = &first })
		bind := func(set func(d *model.Distribution)) {
			old := *d
			d.PublicationID, d.RepositoryID, d.RepositoryVersionID, d.Checkpoint = nil, nil, nil, false
			set(d)
			w.tx(func(tx *db.Tx) error { return publication.Rebound(tx, &old, d) })
		}
		forget := func() int64 {
			gone, err := publication.ForgetSuperseded(t.Context(), w.DB, 0)
			must(t, err)
			return gone
		}
		for i, step := range []struct {
			set  func(d *model.Distribution)
			want []string
		}{
			{func(d *model.Distribution) { d.RepositoryVersionID = &one.ID }, nil},                             // the same
			{func(d *model.Distribution) { d.RepositoryID = &w.repo.ID }, []string{first}},                     // the newest
			{func(d *model.Distribution) { d.PublicationID = &second }, nil},                                   // the same
			{func(d *model.Distribution) { d.PublicationID = &first }, []string{second}},                       //
			{func(*model.Distribution) {}, []string{first}},                                                    //
			{func(d *model.Distribution) { d.PublicationID = &first }, nil},                                    // from nothing
			{func(d *model.Distribution) { d.RepositoryID, d.Checkpoint = &w.repo.ID, true }, []string{first}}, //
			{func(d *model.Distribution) { d.PublicationID = &first }, nil},                                    // from checkpoints
		} {
			bind(step.set)
			if got := w.superseded()["d"]; !slices.Equal(got, step.want) {
				t.Errorf("step %d: %v, want %v", i, got, step.want)
			}
			if gone := forget(); gone != int64(len(step.want)) {
				t.Errorf("%d rows were forgotten", gone)
			}
		}
		bind(func(d *model.Distribution) { d.PublicationID = &second })
		if gone, err := publication.ForgetSuperseded(t.Context(), w.DB, time.Hour); gone != 0 || err != nil {
			t.Errorf("%d rows were forgotten too early, %v", gone, err)
		}
	})
}

// TestAnotherGuardEndsWhatWasServed: who takes the guard off and binds the distribution to something else, in whatever order,
// shows nobody what the guard protected.
func TestAnotherGuardEndsWhatWasServed(t *testing.T) {
	guard, other := ident.New(), ident.New()
	onBoth(t, func(t *testing.T, w *world) {
		one, two := w.version(1), w.version(1)
		private, public := w.made(one), w.made(two)
		type change func(d *model.Distribution)
		toPrivate, toPublic := func(d *model.Distribution) { d.PublicationID = &private }, func(d *model.Distribution) { d.PublicationID = &public }
		open, close, swap := func(d *model.Distribution) { d.ContentGuardID = nil }, func(d *model.Distribution) { d.ContentGuardID = &guard }, func(d *model.Distribution) { d.ContentGuardID = &other }
		for name, c := range map[string]struct {
			changes []change
			want    []string
		}{
			"at once":       {[]change{func(d *model.Distribution) { open(d); toPublic(d) }}, nil},
			"guard first":   {[]change{open, toPublic}, nil},
			"binding first": {[]change{toPublic, open}, nil},
			"another guard": {[]change{swap, toPublic}, nil},
			"to and fro":    {[]change{open, close, open, toPublic, toPrivate, toPublic}, []string{public}},
			"the same":      {[]change{close, toPublic}, []string{private}},
			"afterwards":    {[]change{open, toPublic, toPrivate}, []string{public}},
		} {
			d := w.distribute(name, func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &private, &guard })
			for _, set := range c.changes {
				old := *d
				if set(d); d.ContentGuardID != nil {
					again := *d.ContentGuardID
					d.ContentGuardID = &again
				}
				w.tx(func(tx *db.Tx) error { return publication.Rebound(tx, &old, d) })
			}
			if got := w.superseded()[name]; !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
		must(t, w.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_superseded SET superseded_at = ?", model.Now().Add(time.Hour)).Error
		}))
		if gone, err := publication.ForgetSuperseded(t.Context(), w.DB, time.Hour); gone != 3 || err != nil {
			t.Errorf("a clock was ahead: %d rows were forgotten, %v", gone, err)
		}
	})
}
