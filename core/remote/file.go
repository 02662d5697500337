package remote

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
)

// CheckURL checks the URL that a remote is to have: http, https, or file with an absolute path below one of the folders
// of the setting allowed_import_paths, links followed; without credentials. Errors are errs.Invalid.
func CheckURL(address string, importPaths []string) error {
	to, err := url.Parse(address)
	switch {
	case err != nil:
		return errs.New(errs.Invalid, "this is no URL; give one such as https://mirror.example.org/files/PULP_MANIFEST")
	case to.User != nil:
		return errs.New(errs.Invalid, "the URL has credentials in it; give them as username and password")
	case to.Scheme == "file":
		_, _, err := allowedFile(to, importPaths)
		return err
	case !isWeb(to.Scheme):
		return errs.New(errs.Invalid, "the scheme %q is not served; use http, https or file", to.Scheme)
	case to.Hostname() == "" || to.Opaque != "":
		return errs.New(errs.Invalid, "the URL has no host; give one such as https://mirror.example.org/files/PULP_MANIFEST")
	}
	return nil
}

// allowedFile gives the folder that allows a file:// URL, and the path of the file below it, both without links.
func allowedFile(to *url.URL, importPaths []string) (folder, below string, err error) {
	if to.Host != "" && to.Host != "localhost" || to.Opaque != "" || to.RawQuery != "" || !filepath.IsAbs(to.Path) || strings.ContainsRune(to.Path, 0) {
		return "", "", errs.New(errs.Invalid, "a file URL is file:// and an absolute path, such as file:///srv/import/files")
	}
	path, err := resolve(filepath.Clean(to.Path))
	if err != nil {
		return "", "", outside(to)
	}
	for _, allowed := range importPaths {
		folder, err := resolve(filepath.Clean(allowed))
		if err != nil {
			continue // a folder that cannot be looked at allows nothing
		}
		if below, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(below) {
			return folder, below, nil
		}
	}
	return "", "", outside(to)
}

func outside(to *url.URL) error {
	return errs.New(errs.Invalid, "%s is not below a folder of the setting allowed_import_paths", Clean(to.String()))
}

// resolve follows the links of as much of a path as exists; what does not exist yet is kept. A link that leads nowhere
// is an error: nobody knows where it will lead.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil || path == filepath.Dir(path) {
		return "", fs.ErrNotExist
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// openFile opens a regular file below an allowed folder. The way from there to the file is walked without leaving the
// folder, so a link that was put there since then leads nowhere.
func openFile(method string, to *url.URL, importPaths []string) (*Open, error) {
	if method != http.MethodGet {
		return nil, refusal(errs.Invalid, "PLP0009", "%s: a file can only be read", Clean(to.String()))
	}
	folder, below, err := allowedFile(to, importPaths)
	if err != nil {
		return nil, refusal(errs.Forbidden, "PLP0009", "%w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, unreadable(to, err)
	}
	defer root.Close()
	// Opening a pipe would wait for its writer.
	file, err := root.OpenFile(below, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(to, err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		no := refusal(errs.Invalid, "PLP0025", "%s: this is no regular file; check the URL of the remote", Clean(to.String()))
		return nil, errors.Join(no, file.Close())
	}
	return &Open{Body: file, Size: info.Size(), Header: http.Header{}, Status: http.StatusOK, URL: to, Framed: true}, nil
}

// unreadable tells why a file cannot be opened, without the paths of this machine that the URL does not name.
func unreadable(to *url.URL, err error) error {
	why := "it cannot be read"
	gone := errors.Is(err, fs.ErrNotExist)
	if gone {
		why = "there is no such file"
	} else if errors.Is(err, fs.ErrPermission) {
		why = "this server may not read it"
	}
	f := refusal(errs.Invalid, "PLP0025", "%s: %s; check the URL of the remote", Clean(to.String()), why)
	f.gone = gone
	return f
}
