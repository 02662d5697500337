package remote

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// The defaults of what a row leaves open.
const (
	defaultRetries     = 3
	defaultConcurrency = 10
	defaultConnect     = 30 * time.Second
	defaultRead        = 60 * time.Second
)

// settings are a row, opened and ready to use.
type settings struct {
	home               *url.URL // nil when the remote's URL is none of http
	tls                *tls.Config
	proxy              *url.URL
	username, password string
	host               string // the Host header that the remote's headers ask for
	headers            http.Header
	retries            int
	concurrency, rate  int
	// total and connect are 0 for no limit.
	total, connect, dial, read time.Duration
}

// secretive tells whether requests carry anything that is not for everybody.
func (s *settings) secretive() bool {
	return s.username != "" || s.password != "" || len(s.headers) > 0 || len(s.tls.Certificates) > 0
}

func (r *Remotes) settings(row *model.Remote) (*settings, error) {
	s := &settings{
		retries:     int(count(row.MaxRetries, defaultRetries)),
		concurrency: int(max(1, count(row.DownloadConcurrency, defaultConcurrency))),
		rate:        int(count(row.RateLimit, 0)),
		total:       seconds(row.TotalTimeout, 0),
		connect:     seconds(row.ConnectTimeout, 0),
		dial:        seconds(row.SockConnectTimeout, defaultConnect),
		read:        seconds(row.SockReadTimeout, defaultRead),
	}
	if home, err := url.Parse(row.URL); err == nil && isWeb(home.Scheme) {
		s.home = home
	}
	opened := opener{r: r}
	s.username, s.password = opened.text("username", row.Username), opened.text("password", row.Password)
	key := opened.text("client_key", row.ClientKey)
	user, password := opened.text("proxy_username", row.ProxyUsername), opened.text("proxy_password", row.ProxyPassword)
	if opened.err != nil {
		return nil, opened.err
	}
	var err error
	if s.tls, err = newTLS(row, key); err != nil {
		return nil, err
	}
	if s.proxy, err = newProxy(row.ProxyURL, user, password); err != nil {
		return nil, err
	}
	s.headers, s.host, err = newHeaders(row.Headers)
	return s, err
}

// opener opens sealed columns until one fails.
type opener struct {
	r   *Remotes
	err error
}

func (o *opener) text(column string, sealed []byte) string {
	if o.err != nil || len(sealed) == 0 {
		return ""
	}
	if o.r.o.Box == nil {
		o.err = errs.New(errs.Internal, "the remote has a %s, but no key file was loaded to open it", column)
		return ""
	}
	plain, err := o.r.o.Box.Open(Purpose(column), sealed)
	o.err = err
	return string(plain)
}

func count(n *int64, otherwise int64) int64 {
	if n == nil || *n < 0 {
		return otherwise
	}
	return min(*n, 1<<31-1)
}

// seconds reads a timeout: nil and 0 are the default, and a number beyond what a clock counts is cut there.
func seconds(n *float64, otherwise time.Duration) time.Duration {
	const century = 100 * 365 * 24 * 3600
	if n == nil || !(*n > 0) {
		return otherwise
	}
	return time.Duration(min(*n, century) * float64(time.Second))
}

func newTLS(row *model.Remote, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !row.TLSValidation} //nolint:gosec // what tls_validation asks for
	if text(row.CACert) != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(*row.CACert)) {
			return nil, errs.Coded(errs.Invalid, "PLP0026", "the ca_cert of the remote is no PEM certificate; set it again")
		}
	}
	if text(row.ClientCert) == "" && key == "" {
		return config, nil
	}
	if text(row.ClientCert) == "" || key == "" {
		return nil, errs.Coded(errs.Invalid, "PLP0026", "client_cert and client_key of the remote belong together; set both or none")
	}
	pair, err := tls.X509KeyPair([]byte(*row.ClientCert), []byte(key))
	if err != nil {
		return nil, errs.Coded(errs.Invalid, "PLP0026", "client_cert and client_key of the remote cannot be used (the key must be unencrypted PEM and belong to the certificate): %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func newProxy(address *string, user, password string) (*url.URL, error) {
	if text(address) == "" {
		return nil, nil
	}
	proxy, err := url.Parse(*address)
	if err != nil || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme) || proxy.Hostname() == "" || proxy.User != nil {
		return nil, errs.New(errs.Invalid, "the proxy_url of the remote must be like http://proxy.example.org:3128, without user; set it again")
	}
	if user != "" || password != "" {
		proxy.User = url.UserPassword(user, password)
	}
	return proxy, nil
}

// newHeaders reads the headers of a row. Repeated ones keep their order; that of different names has no meaning in HTTP.
func newHeaders(raw model.JSON) (http.Header, string, error) {
	var list []map[string]string
	if len(raw) == 0 {
		return nil, "", nil
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, "", errs.New(errs.Invalid, "the headers of the remote are not a list of objects of text; set them again")
	}
	headers, host := http.Header{}, ""
	for _, one := range list {
		for _, name := range slices.Sorted(maps.Keys(one)) {
			if !validName(name) || !validValue(one[name]) {
				return nil, "", errs.New(errs.Invalid, "the header %q of the remote has a character that HTTP forbids; set it again", name)
			}
			if strings.EqualFold(name, "Host") {
				host = one[name]
				continue
			}
			headers.Add(name, one[name])
		}
	}
	return headers, host, nil
}

// validName tells whether a header may be called that: a token of RFC 9110, section 5.6.2.
func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
	})
}

func validValue(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

// String keeps secrets out of whatever prints a client.
func (s *settings) String() string { return fmt.Sprintf("(settings of %s)", Clean(urlText(s.home))) }

func urlText(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}

var _ fmt.Stringer = (*settings)(nil)
