package node

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/tasks/child"
)

func TestKindsThatTheOperatorIsolates(t *testing.T) {
	t.Parallel()
	const kind = "pulp_file.app.tasks.synchronizing.synchronize"
	_, loaded := load(t, Serve, "PACKHOUSE_WORKER__ISOLATE="+kind, "PACKHOUSE_WORKER__CHILD_MEMORY=300")
	n, err := New(t.Context(), options(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_WORKER__ISOLATE="+kind)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	handlers, err := isolated(loaded.Settings, n.o.Registry.Mount(newEnv(loaded.Settings, n.o.Log)).Handlers)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range handlers {
		want := int64(0)
		if h.Kind() == kind {
			want = 300 << 20
		}
		if got := h.Traits().Memory; got != want {
			t.Errorf("%s may use %d bytes in a process of its own, want %d", h.Kind(), got, want)
		}
	}
	_, err = New(t.Context(), options(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_WORKER__ISOLATE=pulp_file.sync")...))
	if err == nil || !strings.Contains(err.Error(), "worker.isolate") || !strings.Contains(err.Error(), kind) {
		t.Errorf("a kind that does not exist gives %v", err)
	}
}

// TestAChildWithoutATask: it needs what its parent needs, sets up nothing, and finds that there is nothing to do.
func TestAChildWithoutATask(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	order := child.Order{Task: ident.New(), Worker: "1@here", Folder: t.TempDir()}
	if _, err := RunTask(t.Context(), options(t, "", embeddedIn(dir)...), order); err == nil {
		t.Error("it works without a database")
	}
	start(t, Serve, embeddedIn(dir)...)
	if _, err := RunTask(t.Context(), options(t, "", embeddedIn(dir)...), order); !errs.Is(err, errs.NotFound) {
		t.Errorf("without a task: %v", err)
	}
}
