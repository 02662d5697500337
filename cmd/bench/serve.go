package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// goods is a file that is served, and how it is asked for.
type goods struct {
	name    string
	size    int
	clients int
	goal    float64 // of nginx
}

// sizes are what is downloaded: what a small package costs is the answer, what a large one costs is the bytes.
func sizes() []goods {
	return []goods{{"10 KiB", 10 << 10, 32, 0.4}, {"1 MiB", 1 << 20, 8, 0.9}, {"100 MiB", 100 << 20, 4, 0.9}}
}

// shop serves the same files twice: from a system, and from an nginx with the folder that they lie in.
type shop struct {
	*bench
	system *system
	peer   string
}

// measureServe measures downloads of stored files beside nginx serving the same: as they are served when nothing is said,
// with the access log and the metrics on, and looked up anew for each request.
func measureServe(ctx context.Context, b *bench, mode string) error {
	if err := b.shop(ctx, mode, func(s *shop) error {
		for _, g := range sizes() {
			if err := s.sell(ctx, g, "", ratioAtLeast(g.goal)); err != nil {
				return err
			}
		}
		return s.watch(ctx)
	}); err != nil {
		return err
	}
	return b.shop(ctx, mode, func(s *shop) error { return s.sell(ctx, sizes()[0], ", looked up each time", nil) }, "CONTENT_MEMORY", "0")
}

// shop opens one, with a server that is set up in some way, and closes it when the work is done.
func (b *bench) shop(ctx context.Context, mode string, work func(*shop) error, settings ...string) error {
	s, err := b.start(ctx, mode, settings...)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	files := map[string][]byte{}
	for _, g := range sizes() {
		files[g.file()] = random(g.size)
	}
	if err := s.publish(ctx, files); err != nil {
		return err
	}
	peer, stop, err := b.nginx(ctx, plainSite, files)
	if err != nil {
		return err
	}
	defer stop()
	return work(&shop{bench: b, system: s, peer: peer})
}

// file is the name of the file, and path where it is served.
func (g goods) file() string { return fmt.Sprintf("f%d", g.size) }
func (g goods) path() string { return "/pulp/content/served/" + g.file() }

// sell measures downloads of one file from both, by turns.
func (s *shop) sell(ctx context.Context, g goods, how string, goal *goal) error {
	what := fmt.Sprintf("download of a stored file of %s, %d connections%s", g.name, g.clients, how)
	f := figure{Work: "serve", Mode: s.system.mode, What: what, Unit: "/s", PeerWhat: "nginx with the same file", Goal: goal}
	return s.byTurns(ctx, f, g, s.system.contentAt)
}

// byTurns measures downloads from an address and from nginx, by turns.
func (s *shop) byTurns(ctx context.Context, f figure, g goods, address string) error {
	for range s.runs() {
		ours, err := s.download(ctx, g, address, g.path())
		if err != nil {
			return err
		}
		theirs, err := s.download(ctx, g, s.peer, "/"+g.file())
		if err != nil {
			return err
		}
		f.Runs, f.Peer = append(f.Runs, ours.rate), append(f.Peer, theirs.rate)
	}
	s.report(f)
	return nil
}

// download runs the load of one file for a while.
func (b *bench) download(ctx context.Context, g goods, address, path string) (outcome, error) {
	request := getRequest(address, path)
	if g.size <= 64<<10 {
		return load{address: address, clients: g.clients, lasting: b.lasting(), round: fetch(request)}.run(ctx)
	}
	nowhere := make([]byte, 1<<20)
	return load{address: address, clients: g.clients, lasting: b.lasting(), round: func(_ context.Context, w *wire, _ int) error {
		return w.swallow(request, int64(g.size), nowhere)
	}}.run(ctx)
}

// lasting is how long one run of a load takes.
func (b *bench) lasting() time.Duration {
	if b.quick {
		return time.Second
	}
	return 4 * time.Second
}

// publish stores files, publishes and distributes them under "served".
func (s *system) publish(ctx context.Context, files map[string][]byte) error {
	c := s.client()
	repository, err := c.repository(ctx, "served", nil)
	if err != nil {
		return err
	}
	w, err := dial(ctx, s.apiAt)
	if err != nil {
		return err
	}
	defer w.close()
	for name, file := range files {
		if err := uploadUnit(ctx, w, s.apiAt, file, name, [2]string{"repository", repository}); err != nil {
			return err
		}
	}
	if _, err := c.task(ctx, http.MethodPost, api+"publications/file/file/", map[string]any{"repository": repository}); err != nil {
		return err
	}
	if _, err = c.task(ctx, http.MethodPost, api+"distributions/file/file/", map[string]any{"name": "served", "base_path": "served", "repository": repository}); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !answers(limit, "http://"+s.contentAt+"/pulp/content/served/PULP_MANIFEST") {
		if err := pause(limit, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait until the files are served: %w", err)
		}
	}
	return nil
}
