package webserver

import (
	"fmt"
	"os"
	"path/filepath"
)

// Nginx is nginx.
type Nginx struct{}

// NginxProgram finds nginx.
func NginxProgram() (string, error) { return find("nginx") }

func (Nginx) test() string { return "-t" }

func (Nginx) prepare(dir, _, site string) ([]string, error) {
	program, err := NginxProgram()
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // who can read what tests store
	}
	// As Debian has it, with gzip on: the site must not rely on anything here.
	text := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/errors; %[2]s
events { worker_connections 256; }
http {
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream; gzip on; gzip_types *; gzip_proxied any;
  client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  include %[1]s/site;
}
`, dir, user)
	for name, text := range map[string]string{"conf": text, "site": site} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{program, "-p", dir, "-e", filepath.Join(dir, "errors"), "-c", filepath.Join(dir, "conf")}, nil
}

var _ Server = Nginx{}
