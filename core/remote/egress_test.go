package remote

import (
	"errors"
	"net/netip"
	"testing"
)

func TestEgressOfAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address string
		allow   []string
		refused bool
	}{
		{"127.0.0.1", nil, true},
		{"127.8.9.10", nil, true},
		{"::1", nil, true},
		{"::", nil, true},
		{"0.0.0.0", nil, true},
		{"0.1.2.3", nil, true},
		{"169.254.1.2", nil, true},
		{"169.254.169.254", nil, true},
		{"fe80::1", nil, true},
		{"fe80::1%eth0", nil, true},
		{"224.0.0.1", nil, true},
		{"ff02::1", nil, true},
		{"255.255.255.255", nil, true},
		{"fd00:ec2::254", nil, true},
		{"fd20:ce::254", nil, true},
		{"100.100.100.200", nil, true},
		{"168.63.129.16", nil, true},
		{"192.0.0.192", nil, true},
		{"::ffff:127.0.0.1", nil, true},
		{"::ffff:169.254.169.254", nil, true},
		{"::127.0.0.1", nil, true},
		{"::ffff:0:127.0.0.1", nil, true},
		{"64:ff9b::7f00:1", nil, true},
		{"64:ff9b::a9fe:a9fe", nil, true},
		{"64:ff9b:1::7f00:1", nil, true},
		{"64:ff9b:1:7f00:0:100::", nil, true},
		{"2002:7f00:1::", nil, true},
		{"2002:a9fe:a9fe::1", nil, true},
		{"2001:0:7f00:1::", nil, true},
		{"2001:0:808:808:0:0:80ff:fffe", nil, true},
		{"2a00::5efe:7f00:1", nil, true},
		{"10.1.2.3", nil, false},
		{"172.16.0.1", nil, false},
		{"192.168.1.1", nil, false},
		{"fc00::1", nil, false},
		{"8.8.8.8", nil, false},
		{"2606:4700::1111", nil, false},
		{"64:ff9b::808:808", nil, false},
		{"2002:808:808::1", nil, false},
		{"127.0.0.1", []string{"127.0.0.1"}, false},
		{"127.0.0.2", []string{"127.0.0.1"}, true},
		{"127.0.0.2", []string{"127.0.0.0/8"}, false},
		{"::ffff:127.0.0.1", []string{"127.0.0.0/8"}, false},
		{"127.0.0.1", []string{"::ffff:127.0.0.0/104"}, false},
		{"127.0.0.1", []string{"::ffff:127.0.0.1"}, false},
		{"64:ff9b::7f00:1", []string{"127.0.0.1"}, false},
		{"::1", []string{"127.0.0.0/8"}, true},
		{"fe80::1%eth0", []string{"fe80::/10"}, false},
		{"169.254.169.254", []string{"127.0.0.0/8", "::1"}, true},
	} {
		a := netip.MustParseAddr(c.address)
		err := newEgress(c.allow).address(c.address, a)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%s with %v: %v", c.address, c.allow, err)
		}
	}
}

func TestEgressOfHosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host    string
		allow   []string
		refused bool
	}{
		{"mirror.example.org", nil, false},
		{"localhost", nil, true},
		{"LocalHost.", nil, true},
		{"a.localhost", nil, true},
		{"localhost", []string{"localhost"}, false},
		{"localhost", []string{"127.0.0.0/8"}, false},
		{"localhost", []string{"::1"}, false},
		{"a.localhost", []string{"localhost"}, true},
		{"metadata.google.internal", nil, true},
		{"metadata.google.internal", []string{"Metadata.Google.Internal"}, false},
		{"2130706433", nil, true},
		{"0x7f000001", nil, true},
		{"127.1", nil, true},
		{"0177.0.0.1", nil, true},
		{"127.0.0.0x1", nil, true},
		{"127.0.0.1", nil, true},
		{"::1", nil, true},
		{"8.8.8.8", nil, false},
		{"mirror.example.net", nil, false},
		{"host.0xyz", nil, false},
	} {
		err := newEgress(c.allow).host(c.host)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%s with %v: %v", c.host, c.allow, err)
		}
	}
}

// A name that is allowed may lead anywhere, but only that very name.
func TestEgressOfNames(t *testing.T) {
	t.Parallel()
	e := newEgress([]string{"Upstream.test"})
	loopback := netip.MustParseAddr("127.0.0.1")
	for host, refused := range map[string]bool{"upstream.test": false, "UPSTREAM.TEST.": false, "a.upstream.test": true, "other.test": true} {
		if err := e.address(host, loopback); (err != nil) != refused {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestEgressPanicsOnNonsense(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a network that is none was taken")
		}
	}()
	newEgress([]string{"10.0.0.0/99"})
}

// Whatever is asked, an answer comes, and what the policy lets through is no loopback address in plain writing.
func FuzzEgress(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "::ffff:7f00:1", "localhost", "0x7f.1", "64:ff9b::7f00:1", "fe80::1%25eth0", "", "."} {
		f.Add(seed)
	}
	e := newEgress(nil)
	f.Fuzz(func(t *testing.T, host string) {
		err := e.host(host)
		if err != nil {
			if _, ok := errors.AsType[*forbidden](err); !ok {
				t.Errorf("%q: %v", host, err)
			}
			return
		}
		if a, bad := netip.ParseAddr(host); bad == nil && (a.Unmap().IsLoopback() || a.Unmap().IsLinkLocalUnicast() || a.Unmap().IsUnspecified()) {
			t.Errorf("%q is let through", host)
		}
	})
}
