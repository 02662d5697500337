package main

import (
	"context"
	"fmt"
	"time"
)

// together measures many clients that ask for one file at once, which nobody has downloaded yet.
type together struct {
	*syncer
	bulk *bulk
	// at are the content processes; clients spread over them.
	at      []string
	clients int
	size    int
}

// measureTogether measures one content process, and two where processes can run side by side.
func measureTogether(ctx context.Context, b *bench, mode string) error {
	if err := b.together(ctx, mode, 1); err != nil || mode == embedded {
		return err
	}
	return b.together(ctx, mode, 2)
}

func (b *bench) together(ctx context.Context, mode string, processes int) error {
	up, stop, err := serveBulk(ctx)
	if err != nil {
		return err
	}
	defer stop()
	s, err := b.start(ctx, mode, "EGRESS__ALLOW", "127.0.0.1")
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	w := &together{syncer: &syncer{bench: b, system: s, client: s.client(), mode: mode}, bulk: up, at: []string{s.contentAt}, clients: 1000, size: 100 << 20}
	if b.quick {
		w.clients, w.size = 100, 10<<20
	}
	for range processes - 1 {
		at, err := s.launchContent(ctx)
		if err != nil {
			return err
		}
		w.at = append(w.at, at)
	}
	return w.measure(ctx)
}

// launchContent starts one more content process and gives its address.
func (s *system) launchContent(ctx context.Context) (at string, err error) {
	if at, err = sparePort(ctx); err != nil {
		return "", err
	}
	name := fmt.Sprintf("content%d", len(s.processes))
	p, err := startProcess(s.dir, name, append(s.environment[:len(s.environment):len(s.environment)], "PACKHOUSE_CONTENT_LISTEN="+at), s.binary, "content")
	if err != nil {
		return "", err
	}
	s.processes = append(s.processes, p)
	return at, nil
}

// measure has all clients ask for a new file, and again now that it is stored, which is the peer.
func (w *together) measure(ctx context.Context) error {
	var first, again, asked []float64
	for range min(w.runs(), 3) {
		path, err := w.offer(ctx)
		if err != nil {
			return err
		}
		crowd := crowd{at: w.at, path: path, clients: w.clients, size: int64(w.size), sha256: w.bulk.sha256}
		took, err := crowd.run(ctx)
		if err != nil {
			return err
		}
		asked = append(asked, float64(w.bulk.asked.Load()))
		stored, err := crowd.run(ctx)
		if err != nil {
			return err
		}
		first, again = append(first, took.Seconds()), append(again, stored.Seconds())
	}
	what := fmt.Sprintf("%d clients of one on_demand file of %d MiB, %d content process(es)", w.clients, w.size>>20, len(w.at))
	f := w.figure(what+": until all have it", "s", first, nil)
	f.PeerWhat, f.Peer = "the same file, stored", again
	f.Work = "together"
	w.report(f)
	f = w.figure(what+": requests to the upstream", "", asked, below(float64(len(w.at))))
	f.Work = "together"
	w.report(f)
	return w.memory(what)
}

// memory tells the most that one content process has had.
func (w *together) memory(what string) error {
	var highest []float64
	for _, p := range w.system.processes {
		if p.name == "api" || p.name == "worker" {
			continue
		}
		one, err := p.memory("VmHWM")
		if err != nil {
			return err
		}
		highest = append(highest, one)
	}
	f := w.figure(what+": resident memory of a process that serves it, highest", "MiB", highest, nil)
	f.Work = "together"
	w.report(f)
	return nil
}

// offer makes a new file, syncs it without its bytes and gives the path where it is served.
func (w *together) offer(ctx context.Context) (string, error) {
	repository, remote, err := w.target(ctx, w.bulk.renew(w.size), "on_demand")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("together-%d", w.number())
	for _, step := range []struct {
		path string
		body map[string]any
	}{
		{repository + "sync/", map[string]any{"remote": remote}},
		{api + "publications/file/file/", map[string]any{"repository": repository}},
		{api + "distributions/file/file/", map[string]any{"name": name, "base_path": name, "repository": repository}},
	} {
		if _, err := w.client.task(ctx, "POST", step.path, step.body); err != nil {
			return "", err
		}
	}
	for _, at := range w.at {
		if err := w.served(ctx, "http://"+at+"/pulp/content/"+name+"/PULP_MANIFEST"); err != nil {
			return "", err
		}
	}
	return "/pulp/content/" + name + "/" + bulkName, nil
}

// served waits until a content process offers what was made just now.
func (w *together) served(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !answers(ctx, address) {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %s: %w", address, err)
		}
	}
	return nil
}
