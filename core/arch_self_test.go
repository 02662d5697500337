package core_test

import (
	"strings"
	"testing"
)

// TestTheChecksFind gives each check a small tree. A want of "" is a tree that keeps the rule.
func TestTheChecksFind(t *testing.T) {
	t.Parallel()
	imports := func(path string) string { return "package p\nimport _ \"" + path + "\"\n" }
	ours := func(dir string) string { return imports(module + "/" + dir) }
	for name, c := range map[string]struct {
		check func(*tree) offences
		path  string
		text  string
		want  string
	}{
		"an import points down":         {checkLayers, "core/task/a.go", ours("core/db"), ""},
		"cmd sees everything":           {checkLayers, "cmd/packhouse/a.go", ours("plugins/file"), ""},
		"an import points up":           {checkLayers, "core/db/a.go", ours("core/task"), "core/db must not know core/task"},
		"below points up":               {checkLayers, "core/db/schema/a.go", ours("core/api"), "core/db must not know core/api"},
		"inside one unit":               {checkLayers, "core/storage/s3/a.go", ours("core/storage"), ""},
		"sideways":                      {checkLayers, "core/event/a.go", ours("core/task"), "core/event must not know core/task"},
		"sideways allowed":              {checkLayers, "core/repository/a.go", ours("core/artifact"), ""},
		"sideways allowed one way only": {checkLayers, "core/artifact/a.go", ours("core/repository"), "must not know"},
		"machines apart":                {checkLayers, "tasks/a.go", ours("content"), "tasks must not know content"},
		"app below api":                 {checkLayers, "core/app/a.go", ours("core/api"), "must not know"},
		"a machine imports cmd":         {checkLayers, "tasks/a.go", ours("cmd/cli"), "must not know"},
		"a test may look up":            {checkLayers, "core/db/a_test.go", ours("core/task"), ""},
		"nobody placed it":              {checkLayers, "core/novelty/a.go", "package p", "has no layer"},
		"nobody placed the target":      {checkLayers, "core/errs/a.go", ours("core/task"), "must not know"},

		"behind its door":        {checkDoors, "tasks/queue/a.go", imports("github.com/hibiken/asynq"), ""},
		"asynq astray":           {checkDoors, "core/task/a.go", imports("github.com/hibiken/asynq"), "only for tasks"},
		"redis astray":           {checkDoors, "core/event/a.go", imports("github.com/redis/go-redis/v9"), "only for tasks"},
		"fiber astray":           {checkDoors, "core/auth/a.go", imports("github.com/gofiber/fiber/v2"), "only for core/api"},
		"a plugin's live API":    {checkDoors, "plugins/npm/live.go", imports("github.com/gofiber/fiber/v2"), ""},
		"minio astray":           {checkDoors, "core/storage/a.go", imports("github.com/minio/minio-go/v7"), "only for core/storage/s3"},
		"koanf astray":           {checkDoors, "core/app/a.go", imports("github.com/knadh/koanf/v2"), "only for core/config"},
		"cobra astray":           {checkDoors, "plugins/file/a.go", imports("github.com/spf13/cobra"), "only for cmd"},
		"gorm above":             {checkGorm, "core/model/a.go", imports("gorm.io/gorm"), ""},
		"gorm below":             {checkGorm, "core/obs/a.go", imports("gorm.io/gorm/logger"), "from core/model upwards"},
		"core names a plugin":    {checkPlugins, "core/api/a_test.go", ours("plugins/file"), "must not know a plugin"},
		"a machine names one":    {checkPlugins, "content/a.go", ours("plugins/file"), "must not know a plugin"},
		"the list names them":    {checkPlugins, "plugins/plugins.go", ours("plugins/file"), ""},
		"a plugin names another": {checkPlugins, "plugins/rpm/a.go", ours("plugins/file/wire"), "plugins/rpm must not know plugins/file"},
		"a plugin names itself":  {checkPlugins, "plugins/rpm/a.go", ours("plugins/rpm/wire"), ""},
		"testkit in a test":      {checkTestkit, "core/db/a_test.go", ours("core/testkit"), ""},
		"testkit in a binary":    {checkTestkit, "core/db/a.go", ours("core/testkit"), "only for _test.go"},

		"init":                 {checkInit, "core/db/a.go", "package p\nfunc init() {}", "no init()"},
		"a method called init": {checkInit, "core/db/a.go", "package p\ntype T int\nfunc (T) init() {}", ""},

		"context of the caller":  {checkContexts, "core/db/a.go", "package p\nimport \"context\"\nfunc f(ctx context.Context) {}", ""},
		"context out of nothing": {checkContexts, "core/db/a.go", "package p\nimport \"context\"\nvar c = context.Background()", "detached:"},
		"todo":                   {checkContexts, "core/db/a.go", "package p\nimport \"context\"\nvar c = context.TODO()", "detached:"},
		"detached, same line":    {checkContexts, "core/db/a.go", "package p\nimport \"context\"\nvar c = context.Background() // detached: outlives the call", ""},
		"detached, line above":   {checkContexts, "core/db/a.go", "package p\nimport \"context\"\n// detached: outlives\n// the call\nvar c = context.Background()", ""},
		"detached, far above":    {checkContexts, "core/db/a.go", "package p\nimport \"context\"\n// detached: no\n\nvar c = context.Background()", "detached:"},
		"context in a command":   {checkContexts, "changes/a.go", "package main\nimport \"context\"\nvar c = context.Background()", ""},

		"documented":          {checkDocs, "core/db/a.go", "// Package p is.\npackage p\n// F does.\nfunc F() {}\n// The values.\nconst (\nA = 1\n)", ""},
		"no package comment":  {checkDocs, "core/db/a.go", "package p", "the package has no comment"},
		"undocumented func":   {checkDocs, "core/db/a.go", "// Package p is.\npackage p\nfunc F() {}", "F has no comment"},
		"undocumented method": {checkDocs, "core/db/a.go", "// Package p is.\npackage p\n// T is.\ntype T[A any] struct{}\nfunc (*T[A]) M() {}", "M has no comment"},
		"hidden type":         {checkDocs, "core/db/a.go", "// Package p is.\npackage p\ntype t int\nfunc (t) M() {}", ""},
		"undocumented type":   {checkDocs, "core/db/a.go", "// Package p is.\npackage p\n// Types.\ntype (\nT int\n)", "T has no comment"},
		"undocumented value":  {checkDocs, "core/db/a.go", "// Package p is.\npackage p\nconst A = 1", "A has no comment"},
		"no docs in cmd":      {checkDocs, "cmd/cli/a.go", "package cli\nfunc F() {}", ""},
		"an empty name":       {checkNames, "core/utils/a.go", "package utils", "no name for a package"},
		"a name":              {checkNames, "core/db/a.go", "package db", ""},
		"a long function":     {overBudget, "core/db/a.go", "package p\nfunc f() {" + strings.Repeat("\n", 100) + "}", "f has 101 lines"},
		"a long file":         {overBudget, "core/db/a.go", "package p" + strings.Repeat("\n", 401), "401 lines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, c.check(parse(t, map[string]string{c.path: c.text})), c.want)
		})
	}
}

func TestVariablesThatChangeAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a sentinel":           {`var Err = errors.New("x"); func f() error { return Err }`, ""},
		"a table":              {`var table = map[string]int{"a": 1}; func f() int { return table["a"] }`, ""},
		"a value of a plugin":  {`var App = &app.App{Name: "file"}; func f() string { return App.Name }`, ""},
		"once":                 {`var once = sync.OnceValue(func() int { n := 0; n++; return n })`, ""},
		"a guard":              {`type T struct{}; var _ I = (*T)(nil)`, ""},
		"a local namesake":     {`var n = 1; func f() { n := 2; n++; _ = &n }`, ""},
		"a reading method":     {`type T struct{}; func (T) Show() {}; var v T; func f() { v.Show() }`, ""},
		"assigned":             {`var n int; func f() { n = 1 }`, "n is assigned to"},
		"added to":             {`var n int; func f() { n += 1 }`, "n is assigned to"},
		"counted":              {`var n int; func f() { n++ }`, "n is counted"},
		"a field assigned":     {`var App = &app.App{}; func f() { App.Name = "x" }`, "App is assigned to"},
		"an element assigned":  {`var m = map[string]int{}; func f() { m["a"] = 1 }`, "m is assigned to"},
		"an element removed":   {`var m = map[string]int{}; func f() { delete(m, "a") }`, "m is changed by delete"},
		"by a range":           {`var n int; func f(s []int) { for n = range s {} }`, "n is assigned to"},
		"address taken":        {`var n int; func f() { g(&n) }`, "n is handed out by address"},
		"by its method":        {`type T struct{ n int }; func (t *T) Set() { t.n = 1 }; var v T; func f() { v.Set() }`, "v is changed by its method Set"},
		"a lock":               {`var mu sync.Mutex`, "mu is state"},
		"an atomic":            {`var p atomic.Pointer[int]`, "p is state"},
		"a pool":               {`var pool = &sync.Pool{}`, "pool is state"},
		"a channel":            {`var c = make(chan int)`, "c is state"},
		"somebody else's":      {`func f() { http.DefaultClient = nil }`, "http.DefaultClient belongs to another package"},
		"somebody else's deep": {`func f() { http.DefaultClient.Timeout = 1 }`, "http.DefaultClient belongs to another package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := "package p\nimport (\n\"errors\"\n\"sync\"\n\"sync/atomic\"\n\"net/http\"\n\"" + module + "/core/app\"\n)\n"
			expect(t, checkVariables(parse(t, map[string]string{"core/p/a.go": head + c.text})), c.want)
		})
	}
}

func TestVariablesAreWatchedAcrossFiles(t *testing.T) {
	t.Parallel()
	found := checkVariables(parse(t, map[string]string{
		"core/p/a.go":      "package p\nvar n int",
		"core/p/b.go":      "package p\nfunc f() { n = 1 }",
		"core/q/a.go":      "package q\nfunc f(n int) { n = 1 }",
		"core/p/a_test.go": "package p\nfunc g() { n = 2 }",
	}))
	if len(found) != 2 || !strings.HasPrefix(found[0], "core/p/a_test.go:2") || !strings.HasPrefix(found[1], "core/p/b.go:2") {
		t.Errorf("got %q", found)
	}
}

func TestAPluginHasOneFileWithALiveAPI(t *testing.T) {
	t.Parallel()
	fiber := "package p\nimport _ \"github.com/gofiber/fiber/v2\"\n"
	expect(t, checkDoors(parse(t, map[string]string{
		"plugins/npm/live.go": fiber, "plugins/npm/more.go": fiber, "plugins/oci/live.go": fiber,
	})), "plugins/npm/more.go: github.com/gofiber/fiber/v2 is imported by plugins/npm/live.go already")
}

// expect wants no offence, or one that says so.
func expect(t *testing.T, found offences, want string) {
	t.Helper()
	if want == "" && len(found) == 0 {
		return
	}
	if want == "" || len(found) != 1 || !strings.Contains(found[0], want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
