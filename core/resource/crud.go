package resource

import (
	"context"
	"reflect"
	"slices"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

func notFound() error { return errs.New(errs.NotFound, "Not found.") }

func (p *prepared[M]) listOperation() []Operation {
	p.mustAllow(List)
	op := p.operation("list", "GET", List, true)
	op.Doc = "List what there is, newest first."
	op.Params = p.listParams()
	op.Answers = map[int]AnswerDoc{200: {Doc: "A page.", Schema: "Paginated" + p.Component + "ResponseList"}}
	op.Handle = p.list
	return []Operation{op}
}

func (p *prepared[M]) readOperation() []Operation {
	p.mustAllow(Read)
	op := p.operation("read", "GET", Read, false)
	op.Doc = "Read one."
	op.Params = SelectionParams()
	op.Answers = map[int]AnswerDoc{200: {Doc: "The object.", Schema: p.detailComponent()}}
	op.Handle = func(c *Call) (*Answer, error) {
		return &Answer{Status: 200, JSON: p.detail(c.Env.Names, c.Object.(*M), c.selection(p.Minimal))}, nil
	}
	return []Operation{op}
}

func (p *prepared[M]) createOperation() []Operation {
	p.mustAllow(Create)
	op := p.operation("create", "POST", Create, true)
	op.Doc = "Create one."
	op.Request = &RequestDoc{Schema: p.Component, Multipart: p.takesFile()}
	op.Answers = map[int]AnswerDoc{201: {Doc: "The new object.", Schema: p.Component + "Response"}}
	if p.AsyncCreate || p.CreateBy != nil {
		op.Answers = Accepted()
	}
	op.Handle = p.create
	return []Operation{op}
}

// Accepted describes the answer 202.
func Accepted() map[int]AnswerDoc {
	return map[int]AnswerDoc{202: {Doc: "A task was dispatched.", Schema: "AsyncOperationResponse"}}
}

func (p *prepared[M]) takesFile() bool {
	for i := range p.Fields {
		if p.Fields[i].file {
			return true
		}
	}
	return false
}

// create validates in the request; where the contract wants a task, the task validates again when it has its locks.
func (p *prepared[M]) create(c *Call) (*Answer, error) {
	in := c.Input()
	m, err := p.fromBody(in, p.Fields, c.Domain, c.Body)
	if err == nil {
		err = c.settle(in)
	}
	if err != nil {
		return nil, err
	}
	if p.Accept != nil {
		if err := p.Accept(c, m); err != nil {
			return nil, err
		}
	}
	if p.CreateBy != nil {
		return p.CreateBy(c, m)
	}
	if p.AsyncCreate {
		if err := p.warn(c, m); err != nil {
			return nil, err
		}
		return p.dispatchCreate(c, m)
	}
	err = c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error { return p.store(c.Work(tx), m) })
	if err != nil {
		return nil, p.conflict(err)
	}
	if p.Source.Joins != "" { // what joins bring is shown too
		if m, err = p.byID(c.Context(), c.Env.DB.Read(c.Context()), p.id(m)); err != nil {
			return nil, err
		}
	}
	return p.created(c, m)
}

func (p *prepared[M]) created(c *Call, m *M) (*Answer, error) {
	if err := p.load(c.Context(), c.Env.DB.Read(c.Context()), c.Viewer(), []*M{m}); err != nil {
		return nil, err
	}
	return &Answer{Status: 201, JSON: p.object(c.Env.Names, m, selection{}), Location: c.Env.Names.Href(p.location(m))}, nil
}

func (p *prepared[M]) location(m *M) string {
	if p.Location != nil {
		return p.Location(m)
	}
	return p.Path + "/" + p.id(m) + "/"
}

// fromBody makes a new row of a body.
func (p *prepared[M]) fromBody(in *Input, fields []Field[M], domain string, body Body) (*M, error) {
	m := new(M)
	if p.Base != nil {
		*p.Base(m) = model.NewBase(domain)
	}
	if err := decode(in, fields, body, m, create, false); err != nil {
		return nil, err
	}
	if p.Check != nil {
		if err := p.Check(in, m, nil); err != nil {
			return nil, err
		}
	}
	return m, p.vacant(in, m, nil)
}

// vacant tells a taken name before the database would, so that a request that will become a task fails at once.
func (p *prepared[M]) vacant(in *Input, m, old *M) error {
	faults := map[string]any{}
	for _, f := range p.columns {
		table := p.uniqueTable(f)
		if table == "" || old != nil && same(f.pointer(old), f.pointer(m)) {
			continue
		}
		var n int64
		value := reflect.ValueOf(f.pointer(m)).Elem().Interface()
		err := in.DB.WithContext(in.Context).Table(table).Where("domain_id = ? AND "+f.column[2:]+" = ? AND id <> ?", in.Domain, value, p.rowID(m)).Limit(1).Count(&n).Error
		if err != nil {
			return err
		}
		if n > 0 {
			faults[f.Name] = []string{"This field must be unique."}
		}
	}
	if len(faults) > 0 {
		return &errs.Error{Kind: errs.Invalid, Fields: faults}
	}
	return nil
}

// uniqueTable is the table in which a member must be unique within its domain, "" when it need not be.
func (p *prepared[M]) uniqueTable(f *Field[M]) string {
	for constraint, member := range p.Unique {
		for _, table := range []string{p.Source.Master, p.Source.Table} {
			if member == f.Name && table != "" && constraint == table+"(domain_id, "+f.column[2:]+")" {
				return table
			}
		}
	}
	return ""
}

func (p *prepared[M]) store(w *Work, m *M) error {
	insert := p.Insert
	if insert == nil {
		insert = func(w *Work, m *M) error { return p.insert(w.Tx.DB, m) }
	}
	if err := insert(w, m); err != nil {
		return err
	}
	if p.Saved != nil {
		if err := p.Saved(w, m, nil); err != nil {
			return err
		}
	}
	recorded := p.Recorded
	if recorded == nil {
		recorded = p.prn
	}
	audit.From(w.Tx.Context()).Object(recorded(m))
	return p.born(w.Tx, p.id(m), w.user())
}

func (p *prepared[M]) updateOperations() []Operation {
	p.mustAllow(Update)
	answers := map[int]AnswerDoc{200: {Doc: "Nothing was to change.", Schema: p.Component + "Response"}, 202: {Doc: "A task was dispatched.", Schema: "AsyncOperationResponse"}}
	if p.SyncUpdate {
		answers = map[int]AnswerDoc{200: {Doc: "The object as it is now.", Schema: p.Component + "Response"}}
	}
	put := p.operation("update", "PUT", Update, false)
	put.Doc, put.Request, put.Answers = "Replace all writable members.", &RequestDoc{Schema: p.Component}, answers
	put.Handle = func(c *Call) (*Answer, error) { return p.change(c, replace) }
	part := p.operation("partial_update", "PATCH", Update, false)
	part.Doc, part.Request, part.Answers = "Change the given members.", &RequestDoc{Schema: "Patched" + p.Component}, answers
	part.Handle = func(c *Call) (*Answer, error) { return p.change(c, patch) }
	return []Operation{put, part}
}

// change answers 200 when nothing differs, and dispatches a task otherwise; see SyncUpdate.
func (p *prepared[M]) change(c *Call, how mode) (*Answer, error) {
	if p.SyncUpdate {
		return p.changeNow(c, how)
	}
	old := c.Object.(*M)
	in := c.Input()
	m, err := p.altered(in, old, c.Body, how)
	if err == nil {
		err = c.settle(in)
	}
	if err != nil {
		return nil, err
	}
	if !p.changed(old, m) {
		return &Answer{Status: 200, JSON: p.object(c.Env.Names, old, selection{})}, nil
	}
	held := p.locks(Update, m).AndExclusive(p.prn(m))
	if err := p.warn(c, m); err != nil {
		return nil, err
	}
	return c.dispatch(&generalUpdate{general{Resource: p.Path, ID: p.Base(m).ID, Body: c.Body, Mode: how, Held: held}}, task.Immediate())
}

// altered lays a body over a row.
func (p *prepared[M]) altered(in *Input, old *M, body Body, how mode) (*M, error) {
	m := p.clone(old)
	if err := decode(in, p.Fields, body, m, how, false); err != nil {
		return nil, err
	}
	if p.Check != nil {
		if err := p.Check(in, m, old); err != nil {
			return nil, err
		}
	}
	return m, p.vacant(in, m, old)
}

func (p *prepared[M]) deleteOperation() []Operation {
	p.mustAllow(Delete)
	op := p.operation("delete", "DELETE", Delete, false)
	op.Doc = "Delete one."
	op.Answers = Accepted()
	op.Handle = func(c *Call) (*Answer, error) {
		m := c.Object.(*M)
		if err := p.removable(c.Context(), c.Env.DB.Read(c.Context()), m); err != nil {
			return nil, err
		}
		args := general{Resource: p.Path, ID: p.Base(m).ID, Held: p.locks(Delete, m).AndExclusive(p.prn(m))}
		if p.Sheds {
			return c.dispatch(&multiDelete{args})
		}
		return c.dispatch(&generalDelete{args})
	}
	if p.DeleteBy != nil {
		op.Handle = func(c *Call) (*Answer, error) { return p.DeleteBy(c, c.Object.(*M)) }
	}
	if p.SyncDelete {
		op.Answers = map[int]AnswerDoc{204: {Doc: "It is gone."}}
		op.Handle = p.deleteNow
	}
	return []Operation{op}
}

func (p *prepared[M]) deleteNow(c *Call) (*Answer, error) {
	m := c.Object.(*M)
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error { return p.discard(c.Work(tx), m) })
	if err != nil {
		return nil, err
	}
	return &Answer{Status: 204}, nil
}

func (p *prepared[M]) removable(ctx context.Context, tx *gorm.DB, m *M) error {
	if p.Removable == nil {
		return nil
	}
	return p.Removable(ctx, tx, m)
}

func (p *prepared[M]) discard(w *Work, m *M) error {
	if err := p.removable(w.Tx.Context(), w.Tx.DB, m); err != nil {
		return err
	}
	if p.Deleted != nil {
		if err := p.Deleted(w, m); err != nil {
			return err
		}
	}
	if p.Shareable {
		if err := auth.ForgetObject(w.Tx, p.access(m)); err != nil {
			return err
		}
	}
	if p.RemoveBy != nil {
		return p.RemoveBy(w, m)
	}
	return p.remove(w.Tx.DB, p.rowID(m))
}

func (p *prepared[M]) locks(verb Verb, m *M) task.Locks {
	if p.Locks == nil {
		return task.Locks{}
	}
	return p.Locks(verb, m)
}

func (p *prepared[M]) dispatchCreate(c *Call, m *M) (*Answer, error) {
	args := &generalCreate{general{Resource: p.Path, Body: c.Body, Held: p.locks(Create, m)}}
	return c.Dispatch(args, func(tx *db.Tx) error {
		if p.Keep != nil {
			if err := p.Keep(c, tx, m); err != nil {
				return err
			}
		}
		if p.Refers != nil {
			args.Needs = p.Refers(m)
		}
		return nil
	}, p.createOptions(m)...)
}

// Work is what hooks of a request get.
func (c *Call) Work(tx *db.Tx) *Work {
	return &Work{Tx: tx, Env: c.Env, User: c.User, Dispatch: func(a task.Args, o ...task.Option) (*task.Row, error) {
		return c.Env.Tasks.Dispatch(c.Context(), tx, a, o...)
	}}
}

// dispatch writes a task in a transaction of its own and answers 202.
func (c *Call) dispatch(a task.Args, o ...task.Option) (*Answer, error) {
	return c.Dispatch(a, nil, o...)
}

// Dispatch writes a task and answers 202. before, when given, runs in the same transaction, first.
func (c *Call) Dispatch(a task.Args, before func(tx *db.Tx) error, o ...task.Option) (*Answer, error) {
	if err := c.settled(); err != nil {
		return nil, err
	}
	var row *task.Row
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) (err error) {
		if before != nil {
			if err := before(tx); err != nil {
				return err
			}
		}
		row, err = c.Env.Tasks.Dispatch(c.Context(), tx, a, o...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.Accepted(row), nil
}

// createOptions runs creates in the request's process where that is quick: not where files are put together.
func (p *prepared[M]) createOptions(m *M) []task.Option {
	if p.Insert != nil && (p.Quick == nil || !p.Quick(m)) {
		return nil
	}
	return []task.Option{task.Immediate()}
}

// InsertRow stores a new row in the usual way, for use by Insert.
func InsertRow[M any](d *Of[M], env *Env, tx *gorm.DB, m *M) error {
	return d.prepare(env).insert(tx, m)
}

// NewRow makes a row as a create with these members would, for objects that a resource makes for its own use.
func NewRow[M any](d *Of[M], w *Work, domain string, members map[string]any) (*M, error) {
	p := d.prepare(w.Env)
	return p.fromBody(w.Env.input(w.Tx.Context(), w.Tx.DB, domain, false), p.Fields, domain, Body{Values: members})
}

// Value is the value of m's member with the column.
func Value[M any](d *Of[M], m *M, column string) any {
	for i := range d.Fields {
		if d.Fields[i].column == column || d.Fields[i].column == "m."+column[2:] && column[2:] == "domain_id" {
			return reflect.ValueOf(d.Fields[i].pointer(m)).Elem().Interface()
		}
	}
	panic(d.Path + " has no member with the column " + column)
}

// CreateNow creates an object in the request and answers 201, whatever the resource's own create does. The body is
// the one that the action declares with SelfBody.
func CreateNow[M any](d *Of[M], c *Call) (*Answer, error) {
	p := d.prepare(c.Env)
	in := c.Input()
	m, err := p.fromBody(in, c.op.body.(Accepts[M]).Fields, c.Domain, c.Body)
	if err == nil {
		err = c.settle(in)
	}
	if err != nil {
		return nil, err
	}
	if p.Prepare != nil {
		received, err := p.Prepare(c.Context(), c.Env, m)
		if err != nil {
			return nil, err
		}
		if received != nil {
			c.Discard(received)
		}
	}
	err = c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error { return p.store(c.Work(tx), m) })
	if err != nil {
		return nil, p.conflict(err)
	}
	if m, err = p.byID(c.Context(), c.Env.DB.Read(c.Context()), p.id(m)); err != nil {
		return nil, err
	}
	return p.created(c, m)
}

// SelfBody describes a body that is the resource's own, without some members.
func SelfBody[M any](d *Of[M], component string, without ...string) BodySchema {
	var fields []Field[M]
	for _, f := range d.Fields {
		if !slices.Contains(without, f.Name) {
			fields = append(fields, f)
		}
	}
	return Accepts[M]{Component: component, Fields: fields}
}
