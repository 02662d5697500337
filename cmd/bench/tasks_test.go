package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

func TestMomentsBecomeRates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		moments []float64
		parts   int
		want    []float64
	}{
		"steady":        {[]float64{0, 1, 2, 3, 4, 5}, 2, []float64{1, 1}},
		"slower":        {[]float64{0, 0.5, 1, 2, 4, 6}, 2, []float64{2, 0.5}},
		"a rest":        {[]float64{0, 1, 2, 3, 9}, 2, []float64{1, 1}},
		"at one time":   {[]float64{1, 1, 1, 2}, 2, []float64{1}},
		"too few":       {[]float64{1, 2, 3}, 2, nil},
		"none finished": {nil, 3, nil},
	} {
		if got := rates(c.moments, c.parts); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestTimesOfAProcessAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stat string
		want time.Duration // 0 for an error
	}{
		{"7 (bench) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 1 1", 3 * time.Second},
		{"7 (a) b (c d) S 1 7 7 0 -1 4194560 100 0 0 0 1 1 0 0 20 0 9 0 1 1 1", 20 * time.Millisecond},
		{"7 (bench) S 1 7 7 0 -1 4194560 100 0 0 0 x 50 0 0", 0},
		{"7 (bench) S 1 7", 0},
		{"", 0},
	} {
		got, err := processorOf([]byte(c.stat))
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%q: got %v, %v; want %v", c.stat, got, err, c.want)
		}
	}
}

func TestAMemberDoesWhatItIsOrdered(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	m.must(order{Do: "api"})
	m.must(order{Do: "pile", Count: 70, Resources: 3})
	m.must(order{Do: "work"})
	// Some may finish before the look begins.
	a := m.must(order{Do: "drain", Lasting: 20 * time.Second})
	if n := len(a.Each); n < 20 || n > 70 || !slices.IsSorted(a.Each) || a.Each[0] < 0 {
		t.Errorf("the pile of 70 was worked off at %v", a.Each)
	}
	if left, err := m.player.unfinished(t.Context()); err != nil || left != 0 {
		t.Errorf("%d are left, %v", left, err)
	}
	if a := m.must(order{Do: "run", Count: 40, Clients: 4, Resources: 10}); a.Seconds <= 0 {
		t.Errorf("40 tasks took %v s", a.Seconds)
	}
	if a := m.must(order{Do: "wait", Count: 3, Lasting: time.Millisecond}); len(a.Each) != 3 || slices.Min(a.Each) <= 0 {
		t.Errorf("three tasks one by one started after %v s", a.Each)
	}
	if a := m.must(order{Do: "share", Count: 40, Nap: time.Millisecond}); len(a.Each) == 0 {
		t.Error("the second user got no turn")
	}
	if a := m.ask(order{Do: "sing"}); !strings.Contains(a.Error, "sing") {
		t.Errorf("an order that is none is answered with %q", a.Error)
	}
}

// A rate is worth nothing when the tasks failed.
func TestARateOfFailedTasksIsAnError(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	m.must(order{Do: "api"})
	m.must(order{Do: "work"})
	if err := m.player.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Exec(`CREATE TRIGGER spoil AFTER UPDATE OF state ON core_tasks WHEN NEW.state = 'completed'
			BEGIN UPDATE core_tasks SET state = 'failed' WHERE seq = NEW.seq; END`).Error
	}); err != nil {
		t.Fatal(err)
	}
	if a := m.ask(order{Do: "run", Count: 5, Clients: 1, Resources: 5}); !strings.Contains(a.Error, "0 of 5 tasks are completed") {
		t.Errorf("got %q", a.Error)
	}
}

// played is a member of a crew inside the test.
type played struct {
	t       *testing.T
	player  *player
	orders  *json.Encoder
	answers *json.Decoder
}

func newMember(t *testing.T) *played {
	t.Helper()
	dir := t.TempDir()
	p, err := newPlayer(t.Context(), "sqlite://"+filepath.Join(dir, "test.db"), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	tables.Fill(t, p.db, "")
	ordersRead, orders := io.Pipe()
	answers, answersWrite := io.Pipe()
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- p.obeyAll(ctx, ordersRead, answersWrite) }()
	t.Cleanup(func() {
		_ = orders.Close() // never fails
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := p.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &played{t: t, player: p, orders: json.NewEncoder(orders), answers: json.NewDecoder(answers)}
}

func (m *played) ask(o order) (a answer) {
	m.t.Helper()
	if err := m.orders.Encode(o); err != nil {
		m.t.Fatal(err)
	}
	if err := m.answers.Decode(&a); err != nil {
		m.t.Fatal(err)
	}
	return a
}

func (m *played) must(o order) answer {
	m.t.Helper()
	a := m.ask(o)
	if a.Error != "" {
		m.t.Fatalf("%s: %s", o.Do, a.Error)
	}
	return a
}

func TestARequestOfJSONArrives(t *testing.T) {
	t.Parallel()
	host := site(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		name, word, ok := r.BasicAuth()
		if err != nil || !ok || name != user || word != password || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body))
	})
	w, err := dial(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	status, body, err := w.ask(jsonRequest(host, "/a/", `{"b":1}`))
	if err != nil || status != 200 || string(body) != `POST /a/ {"b":1}` {
		t.Errorf("got %d %q, %v", status, body, err)
	}
}
