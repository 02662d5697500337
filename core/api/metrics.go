package api

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/packhouse/packhouse/core/auth"
)

// Metrics lets those read the metrics who may. It asks for no password, so that any collector can read, and goes by the
// address of the reader instead.
type Metrics struct {
	// Handler answers with the metrics.
	Handler http.Handler
	// Allow are the networks that may read.
	Allow []netip.Prefix
	// Proxies are those whose word about the reader's address is taken.
	Proxies auth.Proxies
}

// ServeHTTP answers with the metrics or refuses.
func (m Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch client, known := m.client(plain{r}); {
	case !known:
		http.Error(w, "the metrics were asked for through a proxy that is not in trusted_proxies, or that does not say for whom", http.StatusForbidden)
	case !slices.ContainsFunc(m.Allow, func(n netip.Prefix) bool { return n.Contains(client) }):
		http.Error(w, "the metrics are not for this address; the setting metrics_allow names those that may read them", http.StatusForbidden)
	default:
		// detached: the context of the connection may not be watched while the server stops; the handler has a time limit.
		m.Handler.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	}
}

// client is who reads. A proxy on the same host must not open the metrics to everybody behind it: what has passed one is
// known only where the proxy is trusted and says for whom it asks.
func (m Metrics) client(r auth.Credentials) (netip.Addr, bool) {
	passed := slices.ContainsFunc(
		[]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"},
		func(name string) bool { return len(r.Header(name)) > 0 },
	)
	known := !passed || m.Proxies.Trusts(r.Peer()) && len(r.Header("X-Forwarded-For")) > 0
	return m.Proxies.Client(r).Unmap().WithZone(""), known
}

// plain is a request of net/http as authentication sees it.
type plain struct{ r *http.Request }

// Header gives all values of a header.
func (p plain) Header(name string) []string { return p.r.Header.Values(name) }

// Cookie gives the value of a cookie, "" when there is none.
func (p plain) Cookie(name string) string {
	cookie, err := p.r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// Method is the HTTP method.
func (p plain) Method() string { return p.r.Method }

// Peer is the address at the other end of the connection; the zero address, which is in no network, where it is unknown.
func (p plain) Peer() netip.Addr {
	peer, err := netip.ParseAddrPort(p.r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

var (
	_ http.Handler     = Metrics{}
	_ auth.Credentials = plain{}
)
