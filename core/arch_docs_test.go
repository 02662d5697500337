package core_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// The budgets of size: over them is worth a look, not a failure.
const (
	linesOfFile     = 400
	linesOfFunction = 100
)

func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	checkDocs(checkout(t)).report(t)
}

func TestPackagesHaveNames(t *testing.T) {
	t.Parallel()
	checkNames(checkout(t)).report(t)
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	for _, line := range overBudget(checkout(t)) {
		t.Log(line)
	}
}

// checkNames refuses names that say nothing of what is inside.
func checkNames(t *tree) (found offences) {
	empty := []string{"util", "utils", "helper", "helpers", "common", "misc", "shared"}
	for _, files := range t.packages() {
		s := files[0]
		for _, part := range append(strings.Split(s.dir, "/"), s.file.Name.Name) {
			if slices.Contains(empty, part) {
				found.add(s.path, "%s is no name for a package: name the idea", part)
				break
			}
		}
	}
	return found
}

// checkDocs wants a comment on every package and on every name that others can use.
func checkDocs(t *tree) (found offences) {
	for _, files := range t.packages() {
		files = slices.DeleteFunc(slices.Clone(files), func(s *source) bool { return s.test || within(s.dir, "cmd") })
		if len(files) == 0 {
			continue
		}
		if !slices.ContainsFunc(files, func(s *source) bool { return s.file.Doc != nil }) {
			found.add(files[0].dir, "the package has no comment: say in its main file what it is for")
		}
		for _, s := range files {
			if s.command() {
				continue
			}
			for _, name := range undocumented(s.file) {
				found.add(t.place(name), "%s has no comment", name.Name)
			}
		}
	}
	return found
}

// undocumented gives the exported names of a file that have no comment.
func undocumented(file *ast.File) (names []*ast.Ident) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedIn(d, spec)...)
			}
		}
	}
	return names
}

// undocumentedIn looks at one line of a declaration. A comment on a group of values speaks for all of them, one on
// a group of types for none.
func undocumentedIn(d *ast.GenDecl, spec ast.Spec) (names []*ast.Ident) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		documented := spec.Doc != nil || d.Doc != nil && d.Lparen == token.NoPos
		if !documented && spec.Name.IsExported() {
			names = append(names, spec.Name)
		}
	case *ast.ValueSpec:
		if d.Doc != nil || spec.Doc != nil || spec.Comment != nil {
			return nil
		}
		for _, name := range spec.Names {
			if name.IsExported() {
				names = append(names, name)
			}
		}
	}
	return names
}

// receiverExported tells whether a method belongs to an exported type.
func receiverExported(fields *ast.FieldList) bool {
	for e := fields.List[0].Type; ; {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// overBudget lists long files and functions.
func overBudget(t *tree) (found offences) {
	lines := func(n ast.Node) int { return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1 }
	for _, s := range t.shipped() {
		if n := t.fset.File(s.file.FileStart).LineCount(); n > linesOfFile {
			found.add(s.path, "%d lines, the budget is %d", n, linesOfFile)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && lines(f) > linesOfFunction {
				found.add(t.place(f), "%s has %d lines, the budget is %d", f.Name.Name, lines(f), linesOfFunction)
			}
		}
	}
	return found
}
