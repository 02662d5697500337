package core_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the tree.
const module = "github.com/packhouse/packhouse"

// source is one parsed Go file; paths are relative to the top of the tree and use slashes.
type source struct {
	path    string
	dir     string
	file    *ast.File
	imports []string
	test    bool // a _test.go file
}

// tree is the parsed source, whatever its build tags, so that a fault on another system is seen here too.
type tree struct {
	fset  *token.FileSet
	files []*source
}

// offences collects what a check found, each with its place.
type offences []string

func (o *offences) add(place, format string, args ...any) {
	*o = append(*o, place+": "+fmt.Sprintf(format, args...))
}

// report fails the test with each offence.
func (o offences) report(t *testing.T) {
	t.Helper()
	for _, one := range o {
		t.Error(one)
	}
}

// checkout parses the tree that this test lies in.
func checkout(t *testing.T) *tree {
	t.Helper()
	texts := map[string]string{}
	err := fs.WalkDir(os.DirFS(".."), ".", func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return foreign(at, entry.Name())
		}
		if path.Ext(at) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join("..", at))
		texts[at] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, texts)
}

// foreign skips the folders that the go command skips, and modules of their own.
func foreign(at, name string) error {
	if at == "." {
		return nil
	}
	_, err := os.Stat(filepath.Join("..", at, "go.mod"))
	if err == nil || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains([]string{"testdata", "vendor", "node_modules"}, name) {
		return fs.SkipDir
	}
	return nil
}

// parse makes a tree of texts by path.
func parse(t *testing.T, texts map[string]string) *tree {
	t.Helper()
	parsed := &tree{fset: token.NewFileSet()}
	for _, at := range slices.Sorted(maps.Keys(texts)) {
		file, err := parser.ParseFile(parsed.fset, at, texts[at], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s := &source{path: at, dir: path.Dir(at), file: file, test: strings.HasSuffix(at, "_test.go")}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			s.imports = append(s.imports, imported)
		}
		parsed.files = append(parsed.files, s)
	}
	return parsed
}

// place names a position for people.
func (t *tree) place(n ast.Node) string {
	at := t.fset.Position(n.Pos())
	return at.Filename + ":" + strconv.Itoa(at.Line)
}

// packages groups the files by folder and package name, in a fixed order.
func (t *tree) packages() [][]*source {
	groups := map[string][]*source{}
	for _, s := range t.files {
		key := s.dir + " " + s.file.Name.Name
		groups[key] = append(groups[key], s)
	}
	return slices.SortedFunc(maps.Values(groups), func(a, b []*source) int { return cmp.Compare(a[0].path, b[0].path) })
}

// shipped gives the files that end up in a binary.
func (t *tree) shipped() []*source {
	return slices.DeleteFunc(slices.Clone(t.files), func(s *source) bool { return s.test })
}

// command tells whether the file belongs to a main package.
func (s *source) command() bool { return s.file.Name.Name == "main" }

// within tells whether a slash path is one of the folders or below one.
func within(at string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return at == f || strings.HasPrefix(at, f+"/") })
}
