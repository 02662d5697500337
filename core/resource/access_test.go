package resource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
)

type plain struct{ model.Base }

func plainOf(change func(d *Of[plain])) Of[plain] {
	d := Of[plain]{Path: "things/test", Model: "test.thing", Component: "test.Thing", Source: Source{Table: "test_things"}, Base: func(p *plain) *model.Base { return &p.Base },
		Offers: []Verb{List, Create, Read, Update, Delete}, Access: Permissions("test.thing")}
	change(&d)
	return d
}

// TestPoliciesAreDerived compares the statements of declarations with what the contract says of them.
func TestPoliciesAreDerived(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *Of[plain])
		want   string
	}{
		"usual": {func(*Of[plain]) {}, `list authenticated
create authenticated has_model_or_domain_perms:test.add_thing
retrieve authenticated has_model_or_domain_or_obj_perms:test.view_thing
update,partial_update authenticated has_model_or_domain_or_obj_perms:test.change_thing has_model_or_domain_or_obj_perms:test.view_thing
destroy authenticated has_model_or_domain_or_obj_perms:test.delete_thing has_model_or_domain_or_obj_perms:test.view_thing`},
		"nobody deletes": {func(d *Of[plain]) { d.Access[Delete], d.Offers = auth.Nobody, []Verb{Read, Delete} },
			`retrieve authenticated has_model_or_domain_or_obj_perms:test.view_thing`},
		"superusers, and by sight": {func(d *Of[plain]) {
			d.Access[Create], d.ReadBySight, d.Offers = auth.Superusers, true, []Verb{Create, Read}
		}, `create admin
retrieve authenticated`},
		"no domain": {func(d *Of[plain]) { d.Source.NoDomain, d.Offers = true, []Verb{List, Create, Read} }, `list authenticated
create authenticated has_model_perms:test.add_thing
retrieve authenticated has_model_or_obj_perms:test.view_thing`},
		"unscoped": {func(d *Of[plain]) { d.Unscoped, d.Offers = true, []Verb{List} }, `list authenticated has_model_or_domain_perms:test.view_thing`},
		"below a repository": {func(d *Of[plain]) { d.Relation, d.Offers = "repository", []Verb{List, Delete} }, `list authenticated has_repository_model_or_domain_or_obj_perms:test.view_thing
destroy authenticated has_repository_model_or_domain_or_obj_perms:test.delete_thing has_repository_model_or_domain_or_obj_perms:test.view_thing`},
		"further needs": {func(d *Of[plain]) {
			d.Offers, d.Needs = []Verb{Create}, map[Verb][]string{Create: {"has_upload_param_obj_perms:core.change_upload"}}
		}, `create authenticated has_model_or_domain_perms:test.add_thing has_upload_param_obj_perms:core.change_upload`},
		"roles on objects": {func(d *Of[plain]) { d.Shareable, d.Offers = true, []Verb{Read} }, `retrieve authenticated has_model_or_domain_or_obj_perms:test.view_thing
list_roles,add_role,remove_role authenticated has_model_or_domain_or_obj_perms:test.manage_roles_thing
my_permissions authenticated`},
	} {
		env := &Env{Registry: NewRegistry(), Declared: auth.NewDeclared()}
		d := plainOf(c.change)
		d.Register(env.Registry)
		operations := d.Mount(env)
		p := (&d).named().prepare(env)
		if d.Shareable {
			d.Actions = p.roleActions()
		}
		var lines []string
		covered := map[string]bool{}
		for _, s := range p.policy().Statements {
			lines = append(lines, strings.TrimSpace(strings.Join(s.Action, ",")+" "+strings.Join(s.Principal, ",")+" "+strings.Join(s.Condition, " ")))
			for _, action := range s.Action {
				covered[action] = true
			}
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		for _, op := range operations { // every route has a statement, or nobody may
			if op.Policy != "things/test" || op.Model != "test.thing" || covered[op.Action] == (op.Rule == auth.Nobody && !strings.HasSuffix(op.Action, "_role") && op.Action != "list_roles") {
				t.Errorf("%s: %s %s is %q at %q, covered is %v", name, op.Method, op.Route, op.Action, op.Policy, covered[op.Action])
			}
		}
		if want := []string{"things/test"}; !slices.Equal(env.Declared.Policies(), want) {
			t.Errorf("%s: the policies are %v", name, env.Declared.Policies())
		}
	}
}

// TestNothingIsDoneWhileADecisionWaits edits policies so that they ask about the body where none is read.
func TestNothingIsDoneWhileADecisionWaits(t *testing.T) {
	t.Parallel()
	s := newSight(t, testkit.SQLite(t))
	ann, err := s.users.CreateUser(t.Context(), auth.User{Username: "ann", IsActive: true}, "")
	must(t, err)
	declared := auth.NewDeclared()
	declared.Permission("test.view_thing", "test.thing")
	policy := func(name string, conditions ...string) {
		declared.Policy(&auth.Policy{Name: name, Statements: []auth.Statement{{Action: auth.Texts{"go"}, Principal: auth.Texts{"authenticated"}, Effect: auth.Allow, Condition: conditions}}})
	}
	policy("remote", "has_remote_param_obj_perms:test.view_thing")
	policy("required", "has_required_repo_perms_on_upload:test.view_thing")
	decider, err := auth.NewDecider(auth.Options{DB: s.db, Declared: declared})
	must(t, err)
	for name, c := range map[string]struct {
		policy string
		want   errs.Kind
	}{"a body that is not read names no remote": {"remote", ""}, "nor the repository that is needed": {"required", errs.Invalid}} {
		done := false
		call := &Call{Env: &Env{Decider: decider, DB: s.db, Registry: s.registry}, User: ann, context: t.Context(),
			op: &Operation{ID: "op", Policy: c.policy, Action: "go", Handle: func(call *Call) (*Answer, error) {
				done = true
				return &Answer{}, call.settled()
			}}}
		if _, err := call.Serve(); errs.KindOf(err) != c.want || done != (c.want == "") {
			t.Errorf("%s: %v, done is %v", name, err, done)
		}
	}
	waiting := &Call{Env: &Env{Decider: decider, DB: s.db, Registry: s.registry}, User: ann, context: t.Context(), op: &Operation{ID: "op", Policy: "remote", Action: "go"}}
	must(t, waiting.Allow(nil))
	if !waiting.pending {
		t.Fatal("the decision does not wait for the body")
	}
	if err := waiting.settled(); !errs.Is(err, errs.Internal) {
		t.Errorf("what would act at once is told %v", err)
	}
	if _, err := waiting.Dispatch(nil, nil); !errs.Is(err, errs.Internal) {
		t.Errorf("a task was dispatched: %v", err)
	}
	// The thing that the body names may not be seen by ann.
	named := &Input{Context: t.Context(), DB: s.db.Read(t.Context()), Registry: s.registry, named: map[string]Object{"remote": {Kind: Kind{Model: "test.thing"}, ID: s.things[0]}}}
	if err := waiting.settle(named); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a remote without the permission: %v", err)
	}
}

func TestStatementsAreShownAsTheContractHasThem(t *testing.T) {
	t.Parallel()
	d := plainOf(func(d *Of[plain]) { d.Offers = []Verb{Create} })
	env := &Env{Registry: NewRegistry(), Declared: auth.NewDeclared()}
	d.Register(env.Registry)
	text, err := json.Marshal((&d).named().prepare(env).policy().Statements)
	if want := `[{"action":["create"],"principal":"authenticated","effect":"allow","condition":"has_model_or_domain_perms:test.add_thing"}]`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

// TestWhatIsForAdministratorsTellsOthersNothing: who may not look is told so before anything is looked up.
func TestWhatIsForAdministratorsTellsOthersNothing(t *testing.T) {
	t.Parallel()
	s := newSight(t, testkit.SQLite(t))
	decider, err := auth.NewDecider(auth.Options{DB: s.db, Declared: auth.NewDeclared()})
	must(t, err)
	for name, c := range map[string]struct {
		user *auth.User
		want errs.Kind
	}{
		"nobody":              {nil, errs.Unauthenticated},
		"a user":              {&auth.User{ID: 1, IsActive: true}, errs.Forbidden},
		"a superuser":         {&auth.User{ID: 2, IsActive: true, IsSuperuser: true}, errs.NotFound},
		"a superuser's token": {&auth.User{ID: 2, IsActive: true, IsSuperuser: true, Scope: &auth.Scope{Permissions: []string{"*.*"}}}, errs.Forbidden},
	} {
		call := &Call{Env: &Env{Decider: decider, DB: s.db, Registry: s.registry}, User: c.user, context: t.Context(),
			op: &Operation{ID: "op", Rule: auth.Superusers, Open: func(*Call) (any, auth.Object, error) { return nil, auth.Object{}, notFound() }}}
		if err := call.Allow(nil); errs.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
