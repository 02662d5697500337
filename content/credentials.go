package content

import (
	"net"
	"net/netip"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/serve"
)

// request is what guards may look at. The path is the very one that is looked up, so no other way to write it can lead
// past a guard.
func (x *exchange) request(path string) *serve.Request {
	return &serve.Request{
		Credentials: credentials{x}, Prefix: x.Prefix, Path: strings.TrimPrefix(x.prefix, x.Prefix) + path, Query: string(x.c.Request().URI().QueryString()),
		Identify: x.identifier(), Proxies: x.Proxies,
	}
}

// credentials shows a request to whoever finds out who sent it.
type credentials struct{ x *exchange }

// Header gives the values of a header.
func (c credentials) Header(name string) []string { return c.x.lines(name) }

// Cookie gives the value of a cookie.
func (c credentials) Cookie(name string) string { return strings.Clone(c.x.c.Cookies(name)) }

// Method is the HTTP method.
func (c credentials) Method() string { return c.x.method }

// Peer is the other end of the connection.
func (c credentials) Peer() netip.Addr {
	peer, ok := c.x.c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return peer.AddrPort().Addr().Unmap()
}

var _ auth.Credentials = credentials{}
