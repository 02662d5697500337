package main

import (
	"context"
	"fmt"
	"os/exec"
)

// measureFront measures downloads through an nginx in front, with the site that packhouse prints for it: which sends the
// files itself (X-Accel-Redirect), or passes them on; beside an nginx that serves the same files by itself.
func measureFront(ctx context.Context, b *bench, mode string) error {
	for _, way := range []struct{ setting, how string }{{"nginx", "which sends the file (X-Accel-Redirect)"}, {"off", "which passes it on"}} {
		err := b.shop(ctx, mode, func(s *shop) error { return s.through(ctx, way.how) }, "CONTENT_SENDFILE", way.setting, "TRUSTED_PROXIES", "127.0.0.1")
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) through(ctx context.Context, how string) error {
	front, stop, err := s.nginx(ctx, s.system.site, nil)
	if err != nil {
		return err
	}
	defer stop()
	for _, g := range sizes() {
		f := figure{Work: "front", Mode: s.system.mode, What: fmt.Sprintf("download of a stored file of %s through nginx, %s, %d connections", g.name, how, g.clients), Unit: "/s", PeerWhat: "nginx alone with the same file"}
		if err := s.byTurns(ctx, f, g, front); err != nil {
			return err
		}
	}
	return nil
}

// site is what packhouse prints for an nginx in front of it.
func (s *system) site(ctx context.Context, address, _ string) (string, error) {
	c := exec.CommandContext(ctx, s.binary, "snippet", "nginx", "--listen", address, "--api", s.apiAt, "--content", s.contentAt)
	c.Env = s.environment
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("print the site of nginx: %w", err)
	}
	return string(text), nil
}
