package cli

import (
	"net"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/content"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	snippets "github.com/packhouse/packhouse/webserver_snippets"
)

func (c *commands) snippet() *cobra.Command {
	return group(&cobra.Command{
		Use:   "snippet",
		Short: "Print the site of a web server in front",
		Example: `  packhouse snippet nginx --config /etc/packhouse/settings.yaml --name packages.example.org > site && install -m 644 site /etc/nginx/sites-available/packhouse
  packhouse snippet apache --config /etc/packhouse/settings.yaml --name packages.example.org > site && install -m 644 site /etc/apache2/sites-available/packhouse.conf`,
	}, c.snippetOf("nginx", snippets.Site.Nginx), c.snippetOf("apache", snippets.Site.Apache))
}

func (c *commands) snippetOf(server string, render func(snippets.Site) (string, error)) *cobra.Command {
	var s snippets.Site
	cmd := &cobra.Command{
		Use:   server,
		Short: "Print the site of " + server + " in front",
		Long: `Prints a whole site that forwards to Packhouse, made of the settings: paths, headers that only the web server may set,
and, with content_sendfile: ` + server + `, the stored files that it sends itself. Run it with the settings of the server (--config and
environment): others lead to other addresses and folders. See docs/operators/web-servers.md.`,
		Example: `  packhouse snippet ` + server + ` --name packages.example.org --certificate /etc/ssl/p.crt --key /etc/ssl/p.key
  packhouse snippet ` + server + ` --api 10.0.0.1:24817 --content 10.0.0.2:24816 --content 10.0.0.3:24816`,
		Args: words(0, 0, "[--name HOST] [--listen PORT] [--certificate FILE --key FILE] [--api ADDRESS] [--content ADDRESS]"),
		RunE: func(*cobra.Command, []string) error {
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			if err := siteOf(&s, server, l.Settings); err != nil {
				return err
			}
			text, err := render(s)
			if err != nil {
				return err
			}
			_, err = c.Stdout.Write([]byte(text))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&s.Names, "name", nil, "`HOST` name of the site; may be repeated (default: that of content_origin)")
	flags.StringVar(&s.Listen, "listen", "", "`PORT`, or address and port, of the site (default: 443 with a certificate, else 80)")
	flags.StringVar(&s.Certificate, "certificate", "", "`FILE` with the certificates of TLS; none is plain HTTP")
	flags.StringVar(&s.Key, "key", "", "`FILE` with the key of the certificate")
	flags.BoolVar(&s.ClientCertificates, "client-certificates", false, "ask clients for certificates, for content guards that want them")
	flags.StringArrayVar(&s.API, "api", nil, "`ADDRESS` and port of a process of the API; may be repeated (default: that of packhouse serve)")
	flags.StringArrayVar(&s.Content, "content", nil, "`ADDRESS` and port of a process of content; may be repeated (default: that of packhouse serve)")
	return cmd
}

// siteOf fills in what the settings say and no flag has said.
func siteOf(s *snippets.Site, server string, from config.Settings) error {
	s.APIRoot, s.ContentPrefix = from.APIRoot, from.ContentPathPrefix
	if from.ContentSendfile == server {
		s.Media, s.MediaPrefix = from.Storage.Location, content.MediaPrefix
	}
	for _, name := range []string{from.Authentication.RemoteUserHeader, from.Authentication.JSONHeader} {
		if name != "" {
			s.Forged = append(s.Forged, name)
		}
	}
	if s.Listen == "" {
		s.Listen = "80"
		if s.TLS() {
			s.Listen = "443"
		}
	}
	if u, err := url.Parse(deref(from.ContentOrigin)); len(s.Names) == 0 && err == nil && u.Hostname() != "" && net.ParseIP(u.Hostname()) == nil {
		s.Names = []string{u.Hostname()}
	}
	here, err := reachableAt(from.Listen)
	if err != nil {
		return err
	}
	if len(s.API) == 0 {
		s.API = []string{here}
	}
	if len(s.Content) == 0 {
		s.Content = []string{here}
	}
	return nil
}

// reachableAt gives where a process that listens on an address is reached from the same host.
func reachableAt(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", errs.New(errs.Invalid, "read the address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
