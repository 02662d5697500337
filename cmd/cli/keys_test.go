package cli

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

// unrecorded keeps commands from sealing entries of the audit log, which would be counted too.
const unrecorded = "PACKHOUSE_AUDIT__ENABLED=false"

func (b *bed) keyFile() string { return filepath.Join(b.data, "keys", "database.key") }

func (b *bed) keyText() string {
	b.t.Helper()
	text, err := os.ReadFile(b.keyFile())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// sealTasks stores finished tasks with sealed arguments.
func (b *bed) sealTasks(n int) {
	b.t.Helper()
	box, err := secret.Load(b.keyFile())
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := db.Open(b.t.Context(), db.Options{URL: "sqlite://" + filepath.Join(b.data, "packhouse.db")})
	if err != nil {
		b.t.Fatal(err)
	}
	err = d.InTx(b.t.Context(), func(tx *db.Tx) error {
		for range n {
			args, err := box.Seal(tasks.Sealed().Purpose, []byte("{}"))
			if err != nil {
				return err
			}
			now := model.Now()
			row := task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "n", State: task.Completed, Args: args, ReservedResources: task.Strings{}, FinishedAt: &now, PulpCreated: now, PulpLastUpdated: now}
			if err := tx.Create(&row).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// keyLine is a line of keys list: the words of one key.
type keyLine struct{ id, use, secrets string }

func (b *bed) keyList() (lines []keyLine) {
	b.t.Helper()
	rows := strings.Split(strings.TrimSpace(b.ok("keys", "list")), "\n")
	if strings.Join(strings.Fields(rows[0]), " ") != "KEY USE SECRETS" {
		b.t.Errorf("the table begins with %q", rows[0])
	}
	for _, row := range rows[1:] {
		words := strings.Fields(row)
		last := len(words) - 1
		lines = append(lines, keyLine{words[0], strings.Join(words[1:last], " "), words[last]})
	}
	return lines
}

func (b *bed) wantKeys(want ...keyLine) {
	b.t.Helper()
	if got := b.keyList(); !slices.Equal(got, want) {
		b.t.Errorf("the keys are %v, want %v", got, want)
	}
}

// TestAKeyIsChanged goes the whole way of docs/operators/keys.md.
func TestAKeyIsChanged(t *testing.T) {
	t.Parallel()
	b := newBed(t, unrecorded)
	b.ok("migrate")
	b.sealTasks(3)
	first := b.keyList()
	if len(first) != 1 || first[0].use != "seals and opens" || first[0].secrets != "3" {
		t.Fatalf("the keys of a new installation: %v", first)
	}
	before, old := b.keyText(), first[0].id
	added := b.run("keys", "add")
	fresh := strings.TrimSuffix(added.stdout, "\n")
	if added.code != 0 || fresh == old || len(fresh) != len(old) || !strings.Contains(added.stderr, b.keyFile()) || !strings.Contains(added.stderr, "packhouse keys promote "+fresh) {
		t.Fatalf("%+v", added)
	}
	if text := b.keyText(); !strings.HasPrefix(text, before) {
		t.Error("what was in the file did not stay")
	}
	b.wantKeys(keyLine{old, "seals and opens", "3"}, keyLine{fresh, "opens", "0"})
	if got := b.run("keys", "promote", fresh); got.code != 0 || got.stdout != "" || !strings.Contains(got.stderr, "packhouse keys rotate") {
		t.Errorf("%+v", got)
	}
	b.ok("keys", "promote", fresh) // again, which changes nothing
	promoted := []keyLine{{fresh, "seals and opens", "0"}, {old, "opens", "3"}}
	b.wantKeys(promoted...)
	b.fails(exitFailed, []string{"3 secrets are still sealed with the key " + old, "packhouse keys rotate"}, "keys", "remove", old)
	if plan := b.ok("keys", "rotate", "--dry-run"); plan != "core_tasks.args: 3 sealed with "+old+"\n3 secrets would be sealed again with the key "+fresh+"\n" {
		t.Errorf("the plan is %s", plan)
	}
	b.wantKeys(promoted...)
	if done := b.run("keys", "rotate"); done.code != 0 || done.stdout != "3 secrets were sealed again with the key "+fresh+"\n" || !strings.Contains(done.stderr, "core_tasks.args: 3 sealed again") {
		t.Errorf("%+v", done)
	}
	if done := b.ok("keys", "rotate"); done != "0 secrets were sealed again with the key "+fresh+"\n" {
		t.Errorf("again: %s", done)
	}
	b.wantKeys(keyLine{fresh, "seals and opens", "3"}, keyLine{old, "opens", "0"})
	b.fails(exitFailed, []string{"the key " + fresh + " seals", "promote another one"}, "keys", "remove", fresh)
	if got := b.run("keys", "remove", old); got.code != 0 || !strings.Contains(got.stderr, "removed the key "+old) {
		t.Errorf("%+v", got)
	}
	b.wantKeys(keyLine{fresh, "seals and opens", "3"})
	b.fails(exitFailed, []string{old, "packhouse keys list"}, "keys", "remove", old)
	b.tidyKeys(before)
}

// tidyKeys checks what is in the folder of the keys: one file for its owner alone, with the comments of old.
func (b *bed) tidyKeys(old string) {
	b.t.Helper()
	comment, _, _ := strings.Cut(old, "\n")
	if text := b.keyText(); !strings.HasPrefix(comment, "#") || !strings.HasPrefix(text, comment+"\n") || strings.Count(text, "\n") != 2 {
		b.t.Errorf("the file has %d lines, or lost its comment", strings.Count(text, "\n"))
	}
	info, err := os.Stat(b.keyFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		b.t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(b.data, "keys", "*database.key*"))
	if err != nil || len(left) != 1 {
		b.t.Errorf("beside the key file: %v, %v", left, err)
	}
}

// TestNoCommandPrintsAKey runs all of them, well and badly.
func TestNoCommandPrintsAKey(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	id := strings.TrimSpace(b.ok("keys", "add"))
	var said strings.Builder
	keys := strings.Fields(b.keyText())
	for _, args := range [][]string{{"list"}, {"promote", id}, {"rotate", "--dry-run"}, {"rotate"}, {"remove", "x"}, {"remove", id}, {"promote", keys[len(keys)-1]}, {"add"}} {
		got := b.run(append([]string{"keys"}, args...)...)
		if len(args) < 2 || args[1] != keys[len(keys)-1] { // who types one sees it
			said.WriteString(got.stdout + got.stderr)
		}
	}
	secrets := 0
	for _, word := range strings.Fields(b.keyText()) {
		if raw, err := base64.StdEncoding.DecodeString(word); err == nil && len(raw) == 32 {
			secrets++
			if strings.Contains(said.String(), word) {
				t.Error("a key was printed")
			}
		}
	}
	if secrets != 3 {
		t.Errorf("%d keys were looked for", secrets)
	}
}

func TestKeysThatCannotBeChanged(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	b.ok("keys", "add")
	before := b.keyText()
	for _, c := range []struct {
		args  []string
		code  int
		words []string
	}{
		{[]string{"promote"}, exitMisused, []string{"packhouse keys promote ID"}},
		{[]string{"promote", "a", "b"}, exitMisused, []string{"packhouse keys promote ID"}},
		{[]string{"promote", "0123456789abcdef"}, exitFailed, []string{`"0123456789abcdef"`, "packhouse keys list"}},
		{[]string{"promote", ""}, exitFailed, []string{`""`, "packhouse keys list"}},
		{[]string{"promote", "#"}, exitFailed, []string{`"#"`, "packhouse keys list"}},
		{[]string{"remove"}, exitMisused, []string{"packhouse keys remove ID"}},
		{[]string{"remove", "a", "b"}, exitMisused, []string{"packhouse keys remove ID"}},
		{[]string{"remove", "0123456789abcdef"}, exitFailed, []string{`"0123456789abcdef"`, "packhouse keys list"}},
		{[]string{"remove", ""}, exitFailed, []string{`""`, "packhouse keys list"}},
		{[]string{"remove", b.keyList()[0].id}, exitFailed, []string{"seals", "promote another one"}},
		{[]string{"list", "all"}, exitMisused, []string{"packhouse keys list"}},
		{[]string{"add", "AAAA"}, exitMisused, []string{"packhouse keys add"}},
		{[]string{"rotate", "all"}, exitMisused, []string{"packhouse keys rotate [--dry-run]"}},
		{[]string{"rotate", "--force"}, exitMisused, []string{"--force"}},
		{[]string{"drop"}, exitMisused, []string{`"drop"`}},
	} {
		b.fails(c.code, c.words, append([]string{"keys"}, c.args...)...)
	}
	if b.keyText() != before {
		t.Error("the file was changed")
	}
	for command, words := range map[string][]string{
		"": {"list", "add", "promote", "rotate", "remove", "No command ever prints a key"}, "promote": {"the one that seals"},
		"add": {"only opens until it is promoted"}, "rotate": {"--dry-run", "run again"}, "remove": {"old backups", "Refuses"}, "list": {"which one seals"},
	} {
		help := b.ok(append(append([]string{"keys"}, strings.Fields(command)...), "--help")...)
		for _, word := range words {
			if !strings.Contains(help, word) {
				t.Errorf("the help of keys %s does not say %q:\n%s", command, word, help)
			}
		}
	}
}

// TestWrongKeyFiles: a file that cannot be used is told by every command, never with its contents, and stays as it is.
func TestWrongKeyFiles(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"
	for name, c := range map[string]struct {
		spoil func(path string) error
		words []string
	}{
		"missing":             {os.Remove, []string{"database.key"}},
		"garbage":             {write("hunter2\n", 0o600), []string{"line 1 is not base64 of 32 bytes"}},
		"a good and a bad":    {write(good+"# x\nhunter2\n", 0o600), []string{"line 3 is not base64 of 32 bytes"}},
		"the same twice":      {write(good+good, 0o600), []string{"twice"}},
		"readable for others": {write(good, 0o604), []string{"chmod 0600"}},
		"the group may write": {write(good, 0o620), []string{"chmod 0600"}},
		"a folder": {func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, []string{"database.key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.ok("migrate")
			if err := c.spoil(b.keyFile()); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(b.keyFile()) // nothing for a file that is missing
			for _, args := range [][]string{{"list"}, {"add"}, {"promote", "0123456789abcdef"}, {"rotate"}, {"remove", "0123456789abcdef"}} {
				got := b.run(append([]string{"keys"}, args...)...)
				if got.code != exitFailed || got.stdout != "" || strings.Contains(got.stderr, "hunter2") || strings.Contains(got.stderr, strings.TrimSpace(good)) {
					t.Errorf("keys %v: %+v", args, got)
				}
				for _, word := range c.words {
					if !strings.Contains(got.stderr, word) {
						t.Errorf("keys %v does not say %q: %s", args, word, got.stderr)
					}
				}
			}
			if after, _ := os.ReadFile(b.keyFile()); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func write(text string, mode os.FileMode) func(path string) error {
	return func(path string) error {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
}

// TestAnEmptyKeyFile: without a key nothing can be done but to add one.
func TestAnEmptyKeyFile(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	if err := write("# nothing\n\n", 0o600)(b.keyFile()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"rotate"}, {"remove", "x"}} {
		b.fails(exitFailed, []string{"there is no key"}, append([]string{"keys"}, args...)...)
	}
	b.fails(exitFailed, []string{`"x"`, "packhouse keys list"}, "keys", "promote", "x")
	id := strings.TrimSpace(b.ok("keys", "add"))
	if got := b.keyList(); len(got) == 0 || got[0].id != id {
		t.Errorf("the keys are %v", got)
	}
}

// TestAForeignKeyFile: a good file with another installation's key opens nothing, and loses nothing.
func TestAForeignKeyFile(t *testing.T) {
	t.Parallel()
	b := newBed(t, unrecorded)
	b.ok("migrate")
	b.sealTasks(2)
	own, old := b.keyText(), b.keyList()[0].id
	foreign := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"
	if err := os.WriteFile(b.keyFile(), []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	id := b.keyList()[0].id
	b.wantKeys(keyLine{id, "seals and opens", "0"}, keyLine{old, "not in the key file", "2"})
	got := b.run("keys", "rotate")
	if got.code != exitFailed || got.stdout != "0 secrets were sealed again with the key "+id+"\n" || !strings.Contains(got.stderr, "2 in core_tasks.args") || !strings.Contains(got.stderr, "put the missing key back") {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(b.keyFile(), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	b.wantKeys(keyLine{old, "seals and opens", "2"})
}
