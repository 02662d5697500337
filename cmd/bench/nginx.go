package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// plainSite is the site of an nginx that serves files out of its folder. Each worker listens by itself, so that a few connections
// do not all end up at one.
func plainSite(_ context.Context, address, dir string) (string, error) {
	return fmt.Sprintf("server { listen %s reuseport; root %s; }", address, dir), nil
}

// nginx starts one with a site and files in its folder.
func (b *bench) nginx(ctx context.Context, site func(ctx context.Context, address, dir string) (string, error), files map[string][]byte) (address string, stop func(), err error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return "", nil, errors.New("nginx is not installed, and there is nothing to serve files beside; install it")
	}
	dir, err := b.folderFor("nginx")
	if err != nil {
		return "", nil, err
	}
	if address, err = sparePort(ctx); err != nil {
		return "", nil, err
	}
	server, err := site(ctx, address, dir)
	if err != nil {
		return "", nil, err
	}
	text := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/pid; error_log %[1]s/errors; %[2]s
events { worker_connections 512; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  %[3]s }
`, dir, asOneself(), server)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	for file, body := range files {
		if err := os.WriteFile(filepath.Join(dir, file), body, 0o600); err != nil {
			return "", nil, err
		}
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
	if err := p.until(ctx, func() bool { return listens(ctx, address) }); err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}

// asOneself has the workers of nginx run as the user who started it, whose files they read.
func asOneself() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}
