// Package snippets writes the sites of nginx and Apache that stand in front of Packhouse, as packhouse snippet prints
// them. They hold what is easily got wrong: headers that clients may not forge, paths that arrive as they were written,
// answers that end too early and look whole, validators that survive.
package snippets

import (
	"embed"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/packhouse/packhouse/core/errs"
)

// Site says what a site is about. Texts that could break out of a line of the configuration are refused.
type Site struct {
	// Names are the host names of the site; none is any.
	Names []string
	// Listen is a port, or address and port.
	Listen string
	// Certificate and Key are files with the certificates and the key of TLS; both empty is plain HTTP.
	Certificate, Key string
	// ClientCertificates asks clients for a certificate and passes it on; it wants TLS.
	ClientCertificates bool
	// API and Content are addresses and ports of the processes; several share the work.
	API, Content []string
	// APIRoot and ContentPrefix are the settings api_root and content_path_prefix.
	APIRoot, ContentPrefix string
	// Media is the folder of stored files that the web server sends itself; empty leaves that to Packhouse.
	Media string
	// MediaPrefix is the path under which the content server names them to nginx.
	MediaPrefix string
	// Forged are headers that only a web server may set, beside those that always are: a client's are removed.
	Forged []string
}

//go:embed nginx.conf apache.conf
var texts embed.FS

// Nginx gives a file for /etc/nginx/sites-available. What does not fit into one is errs.Invalid.
func (s Site) Nginx() (string, error) { return s.render("nginx.conf") }

// Apache gives a file for /etc/apache2/sites-available. What does not fit into one is errs.Invalid.
func (s Site) Apache() (string, error) { return s.render("apache.conf") }

func (s Site) render(name string) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	text, err := template.New(name).Funcs(template.FuncMap{"bare": bare, "join": strings.Join}).ParseFS(texts, name)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := text.Execute(&out, s); err != nil {
		return "", fmt.Errorf("write the site: %w", err)
	}
	return out.String(), nil
}

// bare takes the last slash off a path.
func bare(path string) string { return strings.TrimSuffix(path, "/") }

// TLS tells whether the site speaks it.
func (s Site) TLS() bool { return s.Certificate != "" }

// Removed are the headers that no client may set, in the order in which they are written.
func (s Site) Removed() []string {
	all := []string{"Remote-User", "Forwarded", "X-Real-IP"}
	if s.Media == "" {
		all = append(all, "X-Sendfile-Type")
	}
	for _, name := range s.Forged {
		if !slices.ContainsFunc(all, func(known string) bool { return strings.EqualFold(known, name) }) {
			all = append(all, name)
		}
	}
	return all
}

// Address is Listen as Apache writes it, with a star where any address is meant.
func (s Site) Address() string {
	if strings.Contains(s.Listen, ":") {
		return s.Listen
	}
	return "*:" + s.Listen
}

var (
	hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	segments = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)*$`)
	token    = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	plain    = regexp.MustCompile(`^/[^"\\$%{}\x00-\x1f\x7f]*$`)
)

// check refuses what cannot be written down.
func (s Site) check() error {
	for _, name := range s.Names {
		if !hostName.MatchString(name) {
			return errs.New(errs.Invalid, "%q is no host name; write it like packages.example.org", name)
		}
	}
	for _, path := range []string{s.APIRoot, s.ContentPrefix} {
		if !segments.MatchString(path) {
			return errs.New(errs.Invalid, "%q is no path for a site; write it like /pulp/", path)
		}
	}
	for _, name := range s.Forged {
		if !token.MatchString(name) {
			return errs.New(errs.Invalid, "web servers cannot be told of the header %q; choose a name of letters, digits and dashes", name)
		}
	}
	if s.ClientCertificates && !s.TLS() {
		return errs.New(errs.Invalid, "client certificates want TLS; name a certificate and a key")
	}
	if (s.Certificate == "") != (s.Key == "") {
		return errs.New(errs.Invalid, "a certificate and its key belong together; name both or none")
	}
	return s.checkPlaces()
}

func (s Site) checkPlaces() error {
	for _, path := range []string{s.Certificate, s.Key, s.Media} {
		if path != "" && !plain.MatchString(path) {
			return errs.New(errs.Invalid, "%q cannot be written into the configuration of a web server; use an absolute path without quotes, backslashes, dollars, percent signs and braces", path)
		}
	}
	if s.Media != "" && (!segments.MatchString(s.MediaPrefix) || s.MediaPrefix == "/") {
		return errs.New(errs.Invalid, "%q is no path for stored files; write it like /_media/", s.MediaPrefix)
	}
	if len(s.API) == 0 || len(s.Content) == 0 {
		return errs.New(errs.Invalid, "a site wants addresses of the API and of the content server, such as 127.0.0.1:24817")
	}
	for _, address := range slices.Concat(s.API, s.Content) {
		if !reachable(address) {
			return errs.New(errs.Invalid, "%q is no address and port that can be reached; write it like 127.0.0.1:24817", address)
		}
	}
	if _, err := strconv.ParseUint(s.Listen, 10, 16); err != nil && !reachable(s.Listen) {
		return errs.New(errs.Invalid, "the site cannot listen on %q; write a port, or an address and a port like 192.0.2.7:443", s.Listen)
	}
	return nil
}

// reachable tells whether a text is host and port.
func reachable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	number, wrong := strconv.ParseUint(port, 10, 16)
	return err == nil && wrong == nil && number > 0 && (net.ParseIP(host) != nil || hostName.MatchString(host) && !strings.HasPrefix(host, "*"))
}
