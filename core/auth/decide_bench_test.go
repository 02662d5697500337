package auth

import (
	"testing"

	"github.com/packhouse/packhouse/core/testkit"
)

// BenchmarkDecideCached decides about an object whose roles are known already; BenchmarkDecideObject about one that was
// never asked about, with one query.
func BenchmarkDecideCached(b *testing.B) { benchDecide(b, false) }

// BenchmarkDecideObject: see BenchmarkDecideCached.
func BenchmarkDecideObject(b *testing.B) { benchDecide(b, true) }

func benchDecide(b *testing.B, cold bool) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(name, func(b *testing.B) {
			f := newAccess(b, url(b))
			ann := f.person(b, "ann")
			object := Object{"test.thing", things[0]}
			f.give(b, Assignment{UserID: &ann.ID}, object, "test.view_thing")
			ann = f.again(b, ann)
			for b.Loop() {
				if cold {
					if g := f.decider.ledger.get(ann.ID, ann.Mark); g != nil {
						clear(g.objects)
					}
				}
				if _, err := f.decider.Decide(b.Context(), Question{User: ann, Rule: Permission("test.view_thing"), Object: object}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
