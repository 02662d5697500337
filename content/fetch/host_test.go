package fetch

import (
	"testing"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// TestQueuesEndWithTheirClients: who waits for a place at a host leaves the queue when nobody waits for him any more.
func TestQueuesEndWithTheirClients(t *testing.T) {
	t.Parallel()
	f := newCrew(t, "sqlite://"+t.TempDir()+"/test.db").a
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), Name: "r", URL: "http://upstream.example/"}
	d := &model.Distribution{Base: model.NewBase(ident.DefaultDomain), Name: "d", RemoteID: &r.ID}
	for range hostPlaces {
		leave, err := f.hosts.enter(t.Context(), "http://upstream.example", hostPlaces)
		must(t, err)
		t.Cleanup(leave)
	}
	waiting := func() int {
		f.hosts.mu.Lock()
		defer f.hosts.mu.Unlock()
		return len(f.hosts.byName["http://upstream.example"].queue)
	}
	c := &crew{t: t}
	for range 3 {
		one, err := f.joinErrand(t.Context(), d, &serve.Pull{Path: "f", URL: "http://upstream.example/f", Remote: r})
		must(t, err)
		c.until(func() bool { return waiting() == 1 })
		(&Download{transfer: one}).Close()
		c.until(func() bool { return waiting() == 0 })
	}
}
