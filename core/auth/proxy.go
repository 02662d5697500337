package auth

import (
	"context"
	"net/netip"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Proxies are the reverse proxies whose word about a request is taken: who sent it, from where and to which address. The
// zero value trusts nobody.
type Proxies struct {
	networks []netip.Prefix
}

// ParseProxies reads addresses and networks such as "10.0.0.0/8" (setting trusted_proxies).
func ParseProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		network, err := parseNetwork(text)
		if err != nil {
			return Proxies{}, errs.New(errs.Invalid, "%q is no address and no network; write it like 10.0.0.7 or 10.0.0.0/8", text)
		}
		p.networks = append(p.networks, network)
	}
	return p, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		network, err := netip.ParsePrefix(text)
		return network.Masked(), err
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	address = address.Unmap().WithZone("")
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// Trusts tells whether the address is one of a proxy.
func (p Proxies) Trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, network := range p.networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// Client gives the address of the client: that of the peer, or where the peer is a proxy, the last hop in X-Forwarded-For
// that is none. What stands before that hop was written by the client and proves nothing.
func (p Proxies) Client(r Credentials) netip.Addr {
	client := r.Peer().Unmap()
	if !p.Trusts(client) {
		return client
	}
	hops := strings.Split(strings.Join(r.Header("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		if client = hop; !p.Trusts(hop) {
			break
		}
	}
	return client
}

// parseHop reads one address of X-Forwarded-For; some proxies add the port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if address, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return address.Unmap().WithZone(""), true
	}
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// Address gives scheme and host as the client wrote them, where the peer is a proxy that says so in X-Forwarded-Proto and
// X-Forwarded-Host; otherwise those of the connection, which are given. Where several proxies wrote, the last one counts.
func (p Proxies) Address(r Credentials, scheme, host string) (string, string) {
	if !p.Trusts(r.Peer()) {
		return scheme, host
	}
	switch said := strings.ToLower(lastOf(r, "X-Forwarded-Proto")); said {
	case "http", "https":
		scheme = said
	}
	if said := lastOf(r, "X-Forwarded-Host"); isHost(said) {
		host = said
	}
	return scheme, host
}

func lastOf(r Credentials, name string) string {
	values := r.Header(name)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// isHost refuses what could break out of the host part of an address.
func isHost(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_:[]", r)
	})
}

type clientKey struct{}

// WithClient gives a context that carries the address of the client.
func WithClient(ctx context.Context, client netip.Addr) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

// ClientFrom gives the address of the client, the zero address when nobody said.
func ClientFrom(ctx context.Context) netip.Addr {
	client, _ := ctx.Value(clientKey{}).(netip.Addr)
	return client
}
