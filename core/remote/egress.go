package remote

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// egress says which addresses may be reached. Networks of companies (RFC 1918, fc00::/7) are reachable: mirrors live
// there. What belongs to this machine, its link or the machinery below it is not, unless it is allowed by name.
type egress struct {
	networks []netip.Prefix
	names    map[string]bool
}

func newEgress(allow []string) *egress {
	e := &egress{names: map[string]bool{}}
	for _, entry := range allow {
		entry = strings.TrimSpace(entry)
		if network, err := netip.ParsePrefix(entry); err == nil {
			e.networks = append(e.networks, unmapped(network).Masked())
		} else if address, err := netip.ParseAddr(entry); err == nil {
			address = address.Unmap().WithZone("")
			e.networks = append(e.networks, netip.PrefixFrom(address, address.BitLen()))
		} else if name := plainName(entry); name != "" && !strings.Contains(entry, "/") {
			e.names[name] = true
		} else {
			panic(fmt.Sprintf("remote: egress.allow has %q, which is neither an address, a network nor a host name", entry))
		}
	}
	return e
}

// unmapped gives the IPv4 network that an IPv4-mapped IPv6 one stands for.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// plainName is how names are compared.
func plainName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// address decides about an address that the host was resolved to; the host may be the address itself.
func (e *egress) address(host string, a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if e.names[plainName(host)] || e.allowed(a) {
		return nil
	}
	what := reserved(a)
	for _, inner := range embedded(a) {
		if what == "" && !e.allowed(inner) {
			what = reserved(inner)
		}
	}
	if what == "" {
		return nil
	}
	return e.refuse(host, a.String(), what)
}

func (e *egress) allowed(a netip.Addr) bool {
	for _, network := range e.networks {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// refuse names the host, and the address that it has.
func (e *egress) refuse(host, address, what string) error {
	if address != "" && address != host {
		host += " (" + address + ")"
	}
	return &forbidden{host, what}
}

// forbidden is the refusal of a place.
type forbidden struct{ host, what string }

func (f *forbidden) Error() string { return fmt.Sprintf("%s is refused, it is %s", f.host, f.what) }

// host decides about a host as it stands in a URL, before anything is resolved. Behind a proxy this is all that can be
// known of it, so names that only mean this machine are refused as well, and numbers that other resolvers take for an
// address.
func (e *egress) host(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return e.address(host, a)
	}
	name := plainName(host)
	switch {
	case e.names[name]:
		return nil
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return e.localhost(host)
	case name == "metadata.google.internal":
		return e.refuse(host, "", "a metadata service")
	case endsInNumber(name):
		return e.refuse(host, "", "an address in a disguise")
	}
	return nil
}

// localhost is allowed as soon as one of the addresses that it can have is.
func (e *egress) localhost(host string) error {
	if e.allowed(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || e.allowed(netip.IPv6Loopback()) {
		return nil
	}
	return e.refuse(host, "", "this machine")
}

// endsInNumber is the rule of the URL standard for hosts that must be an IPv4 address.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, is := strings.CutPrefix(last, "0x"); is {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// dial connects to an address that the policy allows. It is asked after the resolution and right before connecting, so
// a name that changes its address in between gains nothing.
func (e *egress) dial(ctx context.Context, timeout time.Duration, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: timeout, Control: func(_, resolved string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(resolved)
		if err != nil {
			return e.refuse(host, "", "an address that cannot be read")
		}
		return e.address(host, at.Addr())
	}}
	return dialer.DialContext(ctx, network, address)
}

var _ error = (*forbidden)(nil)
