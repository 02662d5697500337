package core_test

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

func TestNoInit(t *testing.T) {
	t.Parallel()
	checkInit(checkout(t)).report(t)
}

func TestNoMutablePackageVariables(t *testing.T) {
	t.Parallel()
	checkVariables(checkout(t)).report(t)
}

func TestNoContextOutOfThinAir(t *testing.T) {
	t.Parallel()
	checkContexts(checkout(t)).report(t)
}

func checkInit(t *tree) (found offences) {
	for _, s := range t.shipped() {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				found.add(t.place(f), "no init(): let the caller build what it needs")
			}
		}
	}
	return found
}

// checkContexts wants a reason, in a comment that starts "detached:" on the line or right above it, where a context
// is made from nothing outside main packages and tests.
func checkContexts(t *tree) (found offences) {
	for _, s := range t.shipped() {
		if s.command() || within(s.dir, "cmd", testkit) || slices.Contains(s.imports, "testing") {
			continue
		}
		reasons := reasonLines(t.fset, s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || !named(selector.X, "context") || selector.Sel.Name != "Background" && selector.Sel.Name != "TODO" {
				return true
			}
			if !reasons[t.fset.Position(selector.Pos()).Line] {
				found.add(t.place(selector), "context.%s: take the caller's context, or say why not in a comment that starts \"detached:\"", selector.Sel.Name)
			}
			return true
		})
	}
	return found
}

// reasonLines gives the lines that a "detached:" comment stands on, and the one after it.
func reasonLines(fset *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	for _, group := range file.Comments {
		if !strings.HasPrefix(group.Text(), "detached:") {
			continue
		}
		for line := fset.Position(group.Pos()).Line; line <= fset.Position(group.End()).Line+1; line++ {
			lines[line] = true
		}
	}
	return lines
}

func named(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// checkVariables finds package variables that change after their declaration: assigned to, counted, their address
// taken, sent on, or of a type that exists to be changed. Imports are not resolved, so a method that changes a
// foreign type goes unseen, save for those of sync.
func checkVariables(t *tree) (found offences) {
	for _, files := range t.packages() {
		found = append(found, changes(t, files)...)
	}
	return found
}

// changes is checkVariables for one package.
func changes(t *tree, files []*source) offences {
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}} // what stays unknown does not matter here
	asts := make([]*ast.File, len(files))
	for i, s := range files {
		asts[i] = s.file
	}
	// The error is that imports are unknown.
	pkg, _ := config.Check(files[0].dir, t.fset, asts, info)
	w := &watcher{tree: t, info: info, pkg: pkg}
	for _, s := range files {
		ast.Inspect(s.file, w.visit)
		w.declarations(s.file)
	}
	return w.found
}

// watcher looks for changes of package variables.
type watcher struct {
	tree  *tree
	info  *types.Info
	pkg   *types.Package
	found offences
}

func (w *watcher) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			w.changed("assigned to", n.Lhs...)
		}
	case *ast.IncDecStmt:
		w.changed("counted", n.X)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			w.changed("assigned to", n.Key, n.Value)
		}
	case *ast.UnaryExpr:
		if _, literal := n.X.(*ast.CompositeLit); n.Op == token.AND && !literal {
			w.owned("handed out by address", n.X)
		}
	case *ast.SendStmt:
		w.owned("sent on", n.Chan)
	case *ast.CallExpr:
		w.call(n)
	}
	return true
}

// call looks at what changes its first argument, and at methods that change their receiver.
func (w *watcher) call(c *ast.CallExpr) {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		if slices.Contains([]string{"delete", "clear", "copy", "close"}, f.Name) && len(c.Args) > 0 {
			w.owned("changed by "+f.Name, c.Args[0])
		}
	case *ast.SelectorExpr:
		selection := w.info.Selections[f]
		if selection == nil || selection.Kind() != types.MethodVal {
			return
		}
		receiver := selection.Obj().Type().(*types.Signature).Recv().Type()
		_, changes := receiver.(*types.Pointer)
		_, already := selection.Recv().(*types.Pointer)
		if changes && !already {
			w.owned("changed by its method "+f.Sel.Name, f.X)
		}
	}
}

// changed reports a change of a package variable, also of another package's.
func (w *watcher) changed(how string, targets ...ast.Expr) {
	for _, target := range targets {
		if name := w.foreign(target); name != "" {
			w.found.add(w.tree.place(target), "%s belongs to another package and is %s: pass a value instead", name, how)
			continue
		}
		w.owned(how, target)
	}
}

// foreign gives the name of another package's variable that the expression starts with.
func (w *watcher) foreign(e ast.Expr) string {
	for ; e != nil; e = inner(e) {
		selector, ok := e.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if id, ok := selector.X.(*ast.Ident); ok {
			if _, ok := w.info.Uses[id].(*types.PkgName); ok {
				return id.Name + "." + selector.Sel.Name
			}
		}
	}
	return ""
}

// owned reports a change of a variable of this package.
func (w *watcher) owned(how string, e ast.Expr) {
	for ; e != nil; e = inner(e) {
		id, ok := e.(*ast.Ident)
		if !ok {
			continue
		}
		if v, ok := w.info.Uses[id].(*types.Var); ok && w.pkg != nil && v.Parent() == w.pkg.Scope() {
			w.found.add(w.tree.place(id), "the package variable %s is %s: make it a field of what needs it", id.Name, how)
		}
	}
}

// inner takes one step from an expression such as a.b[i] towards the variable that it starts with.
func inner(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.X
	case *ast.IndexExpr:
		return e.X
	case *ast.SliceExpr:
		return e.X
	case *ast.StarExpr:
		return e.X
	case *ast.ParenExpr:
		return e.X
	case *ast.TypeAssertExpr:
		return e.X
	}
	return nil
}

// declarations reports package variables of types that exist to be changed: those of sync and atomic, and channels.
func (w *watcher) declarations(file *ast.File) {
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			if stateful(value.Type) || slices.ContainsFunc(value.Values, stateful) {
				w.found.add(w.tree.place(value), "the package variable %s is state: make it a field of what needs it", value.Names[0].Name)
			}
		}
	}
}

// stateful tells whether a type, or the value that starts a variable, is a lock, an atomic or a channel.
func stateful(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return named(e.X, "sync") || named(e.X, "atomic")
	case *ast.IndexExpr:
		return stateful(e.X)
	case *ast.StarExpr:
		return stateful(e.X)
	case *ast.UnaryExpr:
		return stateful(e.X)
	case *ast.CompositeLit:
		return stateful(e.Type)
	case *ast.ChanType:
		return true
	case *ast.CallExpr:
		if id, ok := e.Fun.(*ast.Ident); ok && (id.Name == "make" || id.Name == "new") && len(e.Args) > 0 {
			return stateful(e.Args[0])
		}
	}
	return false
}

// noImports knows no package; the type checker then looks away where one is used.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not looked at") }

var _ types.Importer = noImports{}
