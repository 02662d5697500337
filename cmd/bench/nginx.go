package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// nginx starts one that serves files out of a folder, with more directives for its server where there are any.
func (b *bench) nginx(ctx context.Context, name, more string, files map[string][]byte) (address string, stop func(), err error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return "", nil, errors.New("nginx is not installed, and there is nothing to serve files beside; install it")
	}
	dir, err := b.folderFor(name)
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
  server { listen %[2]s; root %[1]s; %[3]s } }
`, dir, address, more)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	for file, body := range files {
		if err := os.WriteFile(filepath.Join(dir, file), body, 0o644); err != nil {
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

// listens tells whether somebody takes connections.
func listens(ctx context.Context, address string) bool {
	w, err := dial(ctx, address)
	if err != nil {
		return false
	}
	w.close()
	return true
}
