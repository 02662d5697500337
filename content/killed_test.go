package content

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	fsstorage "github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// childPlace tells a process of this test where its database and its files are.
const childPlace = "PACKHOUSE_TEST_CONTENT_CHILD"

// leaseOf is how long the lease of a process counts that is not there any more.
func leaseOf(o *fetch.Options) { o.Lease, o.Patience = 300*time.Millisecond, time.Hour }

// TestAKilledProcess: one that is killed in the middle of a save, at whatever moment, leaves nothing that is wrong: its client
// sees a broken end, no row leads to bytes that are not its own, and another process gives the file. What it leaves on the
// disk is cleared away.
func TestAKilledProcess(t *testing.T) {
	if place := os.Getenv(childPlace); place != "" {
		beChild(t, place)
		return
	}
	t.Parallel()
	m := embedded(t)
	m.fetch(t, leaseOf)
	m.start(t, nil)
	up := upstream.New(t)
	for round, when := range []string{"it waits for its upstream", "the body has begun", "the body has come", "the body has come", "nobody has got anything"} {
		name := fmt.Sprint("f", round)
		body := patternOf(name, big)
		c := m.file(up, name, model.OnDemand, body)
		if round == 0 {
			up.Script("/"+name, upstream.Stall(200_000))
		}
		child := m.child(t)
		a, rest := child.open(t.Context(), "GET", "d/"+name, nil)
		switch when {
		case "it waits for its upstream":
			<-up.Stalled()
		case "the body has begun":
			_, err := io.CopyN(io.Discard, rest, 1)
			must(t, err)
		case "the body has come":
			_, err := io.CopyN(io.Discard, rest, big)
			must(t, err)
		}
		child.kill()
		left, err := io.ReadAll(rest)
		_ = rest.Close()
		if whole := a.StatusCode == 200 && err == nil; whole && when == "it waits for its upstream" || len(left) == big && string(left) != string(body) {
			t.Errorf("killed when %s: %d with %d more bytes, %v", when, a.StatusCode, len(left), err)
		}
		up.Release()
		m.verify(t)
		m.get("GET", "d/"+name, nil).whole(t, body)
		m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) })
		m.until("no lease is left", func() bool { return m.leases() == 0 })
		m.verify(t)
	}
	if m.spooled() == 0 {
		t.Error("no killed process has left anything; this test sees little")
	}
	local, err := fsstorage.New(m.dir)
	must(t, err)
	defer local.Close()
	_, err = local.Clean(t.Context(), time.Now().Add(time.Hour))
	must(t, err)
	if n := m.spooled(); n != 0 {
		t.Errorf("%d spools are left", n)
	}
	m.verify(t)
}

// verify reads all that is stored: each row has the bytes that it says.
func (m *mirror) verify(t *testing.T) {
	t.Helper()
	var rows []model.Artifact
	must(t, m.db.Read(t.Context()).Find(&rows).Error)
	for _, a := range rows {
		bytes, err := os.ReadFile(filepath.Join(m.dir, a.File))
		if err != nil || digestOf(bytes) != a.SHA256 {
			t.Errorf("the artifact %s has %d bytes of other content, %v", a.File, len(bytes), err)
		}
	}
}

// child is a content server of its own process over the same database and files.
type child struct {
	*mirror
	command *exec.Cmd
}

func (m *mirror) child(t *testing.T) *child {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledProcess$", "-test.v")
	command.Env = append(os.Environ(), childPlace+"="+m.url+" "+m.dir)
	in, err := command.StdinPipe() // the child ends with us
	must(t, err)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	other := *m
	other.site = &site{t: t}
	c := &child{mirror: &other, command: command}
	t.Cleanup(func() { _ = in.Close(); c.kill() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "listens at "); ok {
			c.address = address
			return c
		}
	}
	t.Fatal("the child does not run")
	return nil
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait() // it was killed, and says so
}

// beChild serves until it is killed, or its parent is gone.
func beChild(t *testing.T, place string) {
	address, dir, _ := strings.Cut(place, " ")
	m := &mirror{dir: dir}
	local, err := fsstorage.New(dir)
	must(t, err)
	m.blobs = local
	m.db, err = db.Open(t.Context(), db.Options{URL: address})
	must(t, err)
	m.site = &site{t: t}
	m.fetch(t, leaseOf)
	m.start(t, nil)
	fmt.Println("listens at " + m.address)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
