package auth

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestARevocationCountsFromTheNextRequestOn gives and takes a role over and over while others ask: whoever reads the
// user after the change was committed gets the new answer, whatever the process remembers.
func TestARevocationCountsFromTheNextRequestOn(t *testing.T) {
	onBoth(t, func(t *testing.T, f *access) {
		ann := f.person(t, "ann")
		team := f.team(t, "red", ann)
		object := Object{"test.thing", things[0]}
		f.give(t, Assignment{GroupID: &team}, object, "test.view_thing")
		// state is 0 while the user is in the group, 2 while not, odd while that changes.
		var state atomic.Int64
		var over atomic.Bool
		var all sync.WaitGroup
		var sure atomic.Int64
		for range 4 {
			all.Go(func() {
				for !over.Load() {
					before := state.Load()
					user, err := f.users.User(t.Context(), ann.ID)
					if err != nil {
						t.Error(err)
						return
					}
					ok, err := f.decider.Holds(t.Context(), user, "test.view_thing", object, "")
					seen, err2 := f.decider.Visible(t.Context(), user, "test.view_thing", "test.thing", "")
					if err != nil || err2 != nil {
						t.Error(err, err2)
						return
					}
					if before%2 == 1 || state.Load() != before {
						continue
					}
					sure.Add(1)
					if in := before%4 == 0; ok != in || (len(seen.Groups) == 1) != in {
						t.Errorf("in the group: %v, held: %v, groups: %v", in, ok, seen.Groups)
						return
					}
				}
			})
		}
		for range 8 {
			for _, statement := range []string{"DELETE FROM core_group_users WHERE group_id = ? AND user_id = ?", "INSERT INTO core_group_users (group_id, user_id) VALUES (?, ?)"} {
				seen := sure.Load()
				state.Add(1)
				f.write(t, func(tx *db.Tx) error { return tx.Exec(statement, team, ann.ID).Error })
				state.Add(1)
				for sure.Load() < seen+4 && !t.Failed() { // until somebody asked in this state
					if _, err := f.users.User(t.Context(), ann.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		over.Store(true)
		all.Wait()
	})
}

// TestAnEditedPolicyLeavesWhatIsDeclared edits a policy twice and resets it.
func TestAnEditedPolicyLeavesWhatIsDeclared(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann := f.person(t, "ann")
	edit := func(statements, hooks, scoping any) {
		f.write(t, func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_access_policies SET customized = ?, statements = ?, creation_hooks = ?, queryset_scoping = ? WHERE viewset_name = 'things'", statements != nil, statements, hooks, scoping).Error
		})
	}
	allowed := func() bool {
		ann = f.again(t, ann)
		_, err := f.decider.Decide(t.Context(), Question{User: ann, Policy: "things", Action: "list"})
		return err == nil
	}
	edit(`[{"action":["list"],"principal":"authenticated","effect":"allow"}]`, `[{"function":"add_roles_for_users","parameters":{"roles":"x","users":"y"}}]`, `null`)
	if scoped, err := f.decider.Scoped(t.Context(), f.again(t, ann), "things"); !allowed() || err != nil || scoped {
		t.Errorf("the edited policy does not count: %v, %v", scoped, err)
	}
	edit(nil, nil, nil)
	hooks, err := f.decider.Hooks(f.db.Read(t.Context()), "things")
	if allowed() || err != nil || len(hooks) != 1 || hooks[0].Function != HookCreator || len(hooks[0].Parameters) != 1 {
		t.Errorf("after the reset the edited policy still counts: %+v, %v", hooks, err)
	}
	if scoped, err := f.decider.Scoped(t.Context(), ann, "things"); err != nil || !scoped {
		t.Error("after the reset lists are not limited")
	}
	for _, broken := range []string{`{`, `[{"action":"list","principal":"authenticated","effect":"allow","condition":"no_such_condition:a.b"}]`, `[{"action":"list","principal":"everybody","effect":"allow"}]`} {
		edit(broken, nil, nil)
		if allowed() {
			t.Errorf("%s: granted", broken)
		}
	}
}

// TestOverOwnsWhatItReads: a policy that is laid over the declared one shares nothing with it that a later change could
// reach.
func TestOverOwnsWhatItReads(t *testing.T) {
	t.Parallel()
	declared := &Policy{Name: "p", Scoping: &Function{Function: ScopeVisible}, Statements: []Statement{{Action: Texts{"a"}, Principal: Texts{"admin"}, Effect: Allow}},
		Hooks: []Hook{{Function: HookCreator, Parameters: map[string]any{"roles": "r"}}}}
	row := PolicyRow{Customized: true, Statements: model.JSON(`[{"action":"b","principal":"authenticated","effect":"deny"}]`),
		CreationHooks: model.JSON(`[{"function":"add_roles_for_users","parameters":{"users":"u","roles":"s"}}]`), QuerysetScoping: model.JSON(`null`)}
	if p, err := row.Over(declared); err != nil || p.Statements[0].Effect != Deny || p.Scoping != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	if declared.Statements[0].Effect != Allow || declared.Hooks[0].Function != HookCreator || len(declared.Hooks[0].Parameters) != 1 || declared.Scoping == nil {
		t.Errorf("what is declared became %+v", declared)
	}
}
