package main_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

// manySecrets are enough for several transactions of a rotation.
const manySecrets = 1200

// TestAKilledRotationOfKeysIsFinishedByTheNext changes the key beside a running server, on both databases, and kills the
// rotation with SIGKILL in the middle. In the end the new key alone opens everything.
func TestAKilledRotationOfKeysIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for mode, embedded := range map[string]bool{"serve": true, "api": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newProcesses(t)
			if embedded {
				p.embed()
			}
			p.rotateAndKill(mode)
		})
	}
}

// embed makes it one packhouse serve over SQLite.
func (p *processes) embed() {
	p.t.Helper()
	p.database = "sqlite://" + filepath.Join(p.data(), "packhouse.db")
	p.environ = slices.DeleteFunc(p.environ, func(v string) bool {
		return strings.HasPrefix(v, "PACKHOUSE_DATABASE__URL=") || strings.HasPrefix(v, "PACKHOUSE_REDIS_URL=")
	})
	p.environ = append(p.environ, "PACKHOUSE_LISTEN="+strings.TrimPrefix(p.url, "http://"))
}

func (p *processes) rotateAndKill(mode string) {
	p.t.Helper()
	p.run("migrate")
	keyFile := filepath.Join(p.data(), "keys", "database.key")
	box, err := secret.Load(keyFile)
	must(p.t, err)
	old := box.IDs()[0]
	p.fillTasks(box)

	server, serverSays := p.watch(mode)
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	href, _ := p.post("/pulp/api/v3/remotes/file/file/", map[string]any{"name": "r", "url": "https://up.example.org/PULP_MANIFEST", "username": "u", "password": "first"})["pulp_href"].(string)

	added := strings.TrimSpace(p.output("keys", "add"))
	p.run("keys", "promote", added)
	release := p.holdLastTask()
	victim, victimSays := p.watch("keys", "rotate")
	victimSays.await("core_tasks.args: ")
	victim.kill()
	release()
	if list := p.output("keys", "list"); used(p.t, list, old) == 0 || used(p.t, list, added) == 0 {
		p.t.Fatalf("the rotation was not killed in the middle:\n%s", list)
	}

	// The server was never told of the new key.
	p.patch(href, map[string]any{"password": "second"})
	if said, failed := p.fails("keys", "remove", old); !failed || !strings.Contains(said, "still sealed with the key "+old) {
		p.t.Errorf("a key that is in use was removed: %s", said)
	}
	p.run("keys", "rotate")
	must(p.t, server.cmd.Process.Signal(syscall.SIGHUP))
	serverSays.await("read the key file again")
	p.run("keys", "remove", old)
	if list := p.output("keys", "list"); strings.Contains(list, old) {
		p.t.Errorf("the old key is still used:\n%s", list)
	}
	if p.get(href)["name"] != "r" {
		p.t.Error("the server does not answer any more")
	}
	p.opensAll(keyFile, added)
}

// data is the data folder.
func (p *processes) data() string {
	for _, v := range p.environ {
		if folder, ok := strings.CutPrefix(v, "PACKHOUSE_DATA="); ok {
			return folder
		}
	}
	p.t.Fatal("no data folder")
	return ""
}

func (p *processes) open() *db.DB {
	p.t.Helper()
	d, err := db.Open(p.t.Context(), db.Options{URL: p.database})
	must(p.t, err)
	return d
}

// fillTasks stores finished tasks, whose arguments are sealed.
func (p *processes) fillTasks(box *secret.Box) {
	p.t.Helper()
	d := p.open()
	defer func() { must(p.t, d.Close()) }()
	now := model.Now()
	rows := make([]task.Row, manySecrets)
	for i := range rows {
		args, err := box.Seal(tasks.Sealed().Purpose, []byte("{}"))
		must(p.t, err)
		rows[i] = task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "n", State: task.Completed, Args: args, ReservedResources: task.Strings{}, FinishedAt: &now, PulpCreated: now, PulpLastUpdated: now}
	}
	must(p.t, d.InTx(p.t.Context(), func(tx *db.Tx) error { return tx.CreateInBatches(rows, 100).Error }))
}

// holdLastTask keeps the last batch of a rotation from its end until release, so that a kill always comes in the middle:
// by a lock of the row on PostgreSQL, by a trigger that counts for hours on SQLite.
func (p *processes) holdLastTask() (release func()) {
	p.t.Helper()
	d := p.open()
	if d.Dialect() == db.SQLite {
		do := func(statement string) {
			must(p.t, d.InTx(p.t.Context(), func(tx *db.Tx) error { return tx.Exec(statement).Error }))
		}
		do(`CREATE TRIGGER hold BEFORE UPDATE OF args ON core_tasks WHEN OLD.id = (SELECT max(id) FROM core_tasks)
			BEGIN SELECT count(*) FROM core_tasks a, core_tasks b, core_tasks c, core_tasks d; END`)
		return func() {
			do("DROP TRIGGER hold")
			must(p.t, d.Close())
		}
	}
	must(p.t, d.Close())
	conn, err := pgx.Connect(p.t.Context(), p.database)
	must(p.t, err)
	tx, err := conn.Begin(p.t.Context())
	must(p.t, err)
	_, err = tx.Exec(p.t.Context(), "SELECT 1 FROM core_tasks ORDER BY id DESC LIMIT 1 FOR UPDATE")
	must(p.t, err)
	return func() {
		must(p.t, tx.Rollback(p.t.Context()))
		must(p.t, conn.Close(p.t.Context()))
	}
}

// opensAll opens what is stored with the one key that is left.
func (p *processes) opensAll(keyFile, key string) {
	p.t.Helper()
	box, err := secret.Load(keyFile)
	must(p.t, err)
	if ids := box.IDs(); !slices.Equal(ids, []string{key}) {
		p.t.Fatalf("the key file has %v, want %s alone", ids, key)
	}
	d := p.open()
	defer func() { must(p.t, d.Close()) }()
	var password []byte
	must(p.t, d.Read(p.t.Context()).Raw("SELECT password FROM core_remotes").Row().Scan(&password))
	if plain, err := box.Open(remote.Purpose("password"), password); err != nil || string(plain) != "second" {
		p.t.Errorf("the password is %q (%v), want what the server stored in the middle of the rotation", plain, err)
	}
	var args [][]byte
	must(p.t, d.Read(p.t.Context()).Table("core_tasks").Pluck("args", &args).Error)
	for _, sealed := range args {
		if _, err := box.Open(tasks.Sealed().Purpose, sealed); err != nil {
			p.t.Fatal(err)
		}
	}
	if len(args) < manySecrets {
		p.t.Errorf("%d tasks, want %d", len(args), manySecrets)
	}
}

// used reads how many secrets a key has sealed from the list of keys.
func used(t *testing.T, list, id string) int {
	t.Helper()
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == id && fields[len(fields)-1] != "0" {
			return 1
		}
	}
	return 0
}

func (p *processes) output(args ...string) string {
	p.t.Helper()
	cmd := exec.Command(p.binary, args...)
	cmd.Env, cmd.Stderr = p.environ, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("packhouse %v: %s", args, err)
	}
	return string(text)
}

func (p *processes) fails(args ...string) (said string, failed bool) {
	cmd := exec.Command(p.binary, args...)
	cmd.Env = p.environ
	text, err := cmd.CombinedOutput()
	return string(text), err != nil
}

// says is what a process has written so far.
type says struct {
	t    *testing.T
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

// watch starts a process and listens to what it says.
func (p *processes) watch(args ...string) (*process, *says) {
	p.t.Helper()
	reader, writer := io.Pipe()
	s := &says{t: p.t, more: make(chan struct{}, 1)}
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			s.mu.Lock()
			s.text.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
		}
	}()
	cmd := exec.Command(p.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.environ, writer, writer
	must(p.t, cmd.Start())
	one := &process{t: p.t, cmd: cmd}
	p.t.Cleanup(func() {
		one.kill()
		_ = writer.Close() // a pipe in memory
		if p.t.Failed() {
			p.t.Logf("packhouse %v:\n%s", args, s.all())
		}
	})
	return one, s
}

func (s *says) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the process says something.
func (s *says) await(words string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for !strings.Contains(s.all(), words) {
		select {
		case <-ctx.Done():
			s.t.Fatalf("the process never says %q", words)
		case <-s.more:
		}
	}
}
