package noun

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// guardSecrets keeps whoever may change a remote from sending its stored secrets to a host of his choice: where they would
// go somewhere else, or over a way that is checked less, they must be given again or be dropped. Superusers are trusted
// with that, and a task repeats what was looked at in the request.
func guardSecrets(in *resource.Input, m, old *model.Remote) error {
	if old == nil || in.Viewer == nil || in.Viewer.Superuser() {
		return nil
	}
	moved, less := origin(m.URL) != origin(old.URL), text(m.CACert) != text(old.CACert) || old.TLSValidation && !m.TLSValidation
	proxied := text(m.ProxyURL) != text(old.ProxyURL)
	faults := map[string]any{}
	for _, s := range []struct {
		name     string
		old, now []byte
		away     bool
	}{
		{"username", old.Username, m.Username, moved || less || proxied}, {"password", old.Password, m.Password, moved || less || proxied},
		{"client_key", old.ClientKey, m.ClientKey, moved || less},
		{"proxy_username", old.ProxyUsername, m.ProxyUsername, proxied}, {"proxy_password", old.ProxyPassword, m.ProxyPassword, proxied},
	} {
		if s.away && len(s.old) > 0 && bytes.Equal(s.old, s.now) { // sealed anew, the same secret is other bytes
			faults[s.name] = []string{"The stored value would be sent elsewhere; give it again, or null to drop it."}
		}
	}
	if len(faults) > 0 {
		return &errs.Error{Kind: errs.Invalid, Fields: faults}
	}
	return nil
}

// origin is scheme, host and port of a URL; one that cannot be read is like no other.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}
