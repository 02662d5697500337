package webserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// apacheModules is where Debian has the modules of Apache.
const apacheModules = "/usr/lib/apache2/modules"

// Apache is Apache with the modules that a site may want.
type Apache struct{}

// ApacheProgram finds Apache.
func ApacheProgram() (string, error) { return find("apache2") }

// ApacheSendfile finds the module of Apache that sends files which are named to it; it comes in a package of its own.
func ApacheSendfile() (string, error) {
	path := filepath.Join(apacheModules, "mod_xsendfile.so")
	_, err := os.Stat(path)
	return path, err
}

func (Apache) test() string { return "-t" }

func (Apache) prepare(dir, address, site string) ([]string, error) {
	program, err := ApacheProgram()
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, name := range []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests", "ssl", "xsendfile", "env", "deflate", "filter"} {
		fmt.Fprintf(&text, "LoadModule %s_module %s/mod_%s.so\n", name, apacheModules, name)
	}
	if os.Getuid() == 0 {
		text.WriteString("User nobody\nGroup root\n") // who can read what tests store; the user root it refuses
		if err := Open(dir); err != nil {
			return nil, err
		}
	}
	// As Debian has it, with compression on: the site must not rely on anything here.
	fmt.Fprintf(&text, `ServerName localhost
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/errors
DefaultRuntimeDir %[1]s
Mutex file:%[1]s
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
ServerLimit 1
MinSpareThreads 1
MaxSpareThreads 16
SetOutputFilter DEFLATE
Include %[1]s/site
`, dir, address)
	for name, text := range map[string]string{"conf": text.String(), "site": site} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			return nil, err
		}
	}
	return []string{program, "-DFOREGROUND", "-d", dir, "-f", filepath.Join(dir, "conf")}, nil
}

// Open lets Apache into a temporary folder of a test: its group may enter, as far as the folder of all temporary ones.
func Open(dir string) error {
	for at := dir; at != os.TempDir() && at != filepath.Dir(at); at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if err := os.Chmod(at, info.Mode().Perm()|0o050); err != nil {
			return err
		}
	}
	return nil
}

var _ Server = Apache{}
