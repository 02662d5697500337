package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// downloaders is the number of connections that download at the same time.
const downloaders = 32

// measureServe measures downloads of a stored file of 10 KiB beside nginx serving the same file. It is information only,
// and nothing without nginx.
func measureServe(ctx context.Context, b *bench, mode string) error {
	program, err := exec.LookPath("nginx")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:   nginx is not installed, so there is no peer to serve files beside")
		return nil
	}
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	file := random(10 << 10)
	path, err := s.publish(ctx, file)
	if err != nil {
		return err
	}
	peer, stop, err := b.nginx(ctx, program, file)
	if err != nil {
		return err
	}
	defer stop()
	f := figure{Work: "serve", Mode: mode, What: "download of a stored file of 10 KiB, 32 connections", Unit: "/s", PeerWhat: "nginx with the same file"}
	lasting := 4 * time.Second
	if b.quick {
		lasting = time.Second
	}
	for range b.runs() {
		ours, err := load{address: s.contentAt, clients: downloaders, lasting: lasting, round: fetch(getRequest(s.contentAt, path))}.run(ctx)
		if err != nil {
			return err
		}
		theirs, err := load{address: peer, clients: downloaders, lasting: lasting / 2, round: fetch(getRequest(peer, "/file"))}.run(ctx)
		if err != nil {
			return err
		}
		f.Runs, f.Peer = append(f.Runs, ours.rate), append(f.Peer, theirs.rate)
	}
	b.report(f)
	return nil
}

// publish stores a file, publishes and distributes it, and gives the path where it is served.
func (s *system) publish(ctx context.Context, file []byte) (string, error) {
	c := s.client()
	repository, err := c.repository(ctx, "served", map[string]any{"autopublish": true})
	if err != nil {
		return "", err
	}
	w, err := dial(ctx, s.apiAt)
	if err != nil {
		return "", err
	}
	defer w.close()
	if err := uploadUnit(ctx, w, s.apiAt, file, "file", [2]string{"repository", repository}); err != nil {
		return "", err
	}
	_, err = c.task(ctx, http.MethodPost, api+"distributions/file/file/", map[string]any{"name": "served", "base_path": "served", "repository": repository})
	return "/pulp/content/served/file", err
}

// nginx starts an nginx that serves one file.
func (b *bench) nginx(ctx context.Context, program string, file []byte) (address string, stop func(), err error) {
	dir, err := b.folderFor("nginx")
	if err != nil {
		return "", nil, err
	}
	// Its workers may run as another user.
	for _, at := range []string{b.dir, dir} {
		if err := os.Chmod(at, 0o755); err != nil {
			return "", nil, err
		}
	}
	if address, err = sparePort(ctx); err != nil {
		return "", nil, err
	}
	text := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/pid; error_log %[1]s/errors;
events { worker_connections 512; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  server { listen %[2]s; root %[1]s; } }
`, dir, address)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), file, 0o644); err != nil {
		return "", nil, err
	}
	p, err := startProcess(dir, "nginx", os.Environ(), program, "-p", dir, "-e", filepath.Join(dir, "errors"), "-c", filepath.Join(dir, "conf"))
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		if err := p.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	if err := p.until(ctx, func() bool { return answers(ctx, "http://"+address+"/file") }); err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}
