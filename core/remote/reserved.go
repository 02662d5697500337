package remote

import (
	"bytes"
	"net/netip"
)

// reserved says what an address is that remotes must not reach, and "" for all others. The address is unmapped.
func reserved(a netip.Addr) string {
	switch {
	case isMetadata(a):
		return "the address of a metadata service"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsUnspecified(), a.Is4() && a.As4()[0] == 0: // 0.0.0.0/8 is this network (RFC 1122)
		return "an unspecified address"
	case a.IsMulticast(), a.Is4() && a.As4() == [4]byte{255, 255, 255, 255}:
		return "a multicast address"
	}
	return ""
}

// isMetadata knows the services that hand out a machine's credentials at an address that is not link-local.
func isMetadata(a netip.Addr) bool {
	switch a.String() {
	case "169.254.169.254", // most clouds
		"fd00:ec2::254",   // AWS
		"fd20:ce::254",    // Google Cloud
		"100.100.100.200", // Alibaba Cloud
		"168.63.129.16",   // Azure
		"192.0.0.192":     // Oracle Cloud
		return true
	}
	return false
}

// embedded gives the IPv4 addresses that an IPv6 address may lead to: through a translator or a tunnel.
func embedded(a netip.Addr) (inner []netip.Addr) {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	take := func(at ...int) {
		inner = append(inner, netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}))
	}
	switch {
	case bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}): // NAT64, RFC 6052
		take(12, 13, 14, 15)
	case bytes.HasPrefix(b[:], []byte{0, 0x64, 0xff, 0x9b, 0, 1}): // NAT64 of a site (RFC 8215), with any prefix length
		take(6, 7, 9, 10)
		take(7, 9, 10, 11)
		take(9, 10, 11, 12)
		take(12, 13, 14, 15)
	case bytes.HasPrefix(b[:], []byte{0x20, 0x02}): // 6to4, RFC 3056
		take(2, 3, 4, 5)
	case bytes.HasPrefix(b[:], []byte{0x20, 0x01, 0, 0}): // Teredo, RFC 4380: the server, and the client inverted
		take(4, 5, 6, 7)
		inner = append(inner, netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	case bytes.HasPrefix(b[:], make([]byte, 12)), // IPv4-compatible, RFC 4291
		bytes.HasPrefix(b[:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}): // IPv4-translated, RFC 2765
		take(12, 13, 14, 15)
	case bytes.Equal(b[8:12], []byte{0, 0, 0x5e, 0xfe}), bytes.Equal(b[8:12], []byte{2, 0, 0x5e, 0xfe}): // ISATAP, RFC 5214
		take(12, 13, 14, 15)
	}
	return inner
}
