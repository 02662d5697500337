package remote

import (
	"net/url"
	"strings"
)

// maxShown bounds a URL in a message, in bytes.
const maxShown = 500

// Clean gives a URL as it may be shown: without credentials and fragment, and with "..." for the query, which may be a
// signature or a token. A text that is no URL is not shown at all, since nobody knows what in it is secret.
func Clean(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "(an unreadable URL)"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	out := shown.String()
	if len(out) > maxShown {
		out = strings.ToValidUTF8(out[:maxShown], "") + "..."
	}
	if u.RawQuery != "" {
		out += "?..."
	}
	return out
}
