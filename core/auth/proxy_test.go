package auth

import (
	"net/netip"
	"strings"
	"testing"
)

// request is what a client or a proxy sends.
type request struct {
	header  map[string][]string
	cookies map[string]string
	method  string
	peer    string
}

func (r request) Header(name string) []string {
	for key, values := range r.header {
		if strings.EqualFold(key, name) {
			return values
		}
	}
	return nil
}

func (r request) Cookie(name string) string { return r.cookies[name] }

func (r request) Method() string {
	if r.method == "" {
		return "GET"
	}
	return r.method
}

func (r request) Peer() netip.Addr { return netip.MustParseAddr(r.peer) }

func proxies(t testing.TB, list ...string) Proxies {
	t.Helper()
	p, err := ParseProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProxiesAreAddressesAndNetworks(t *testing.T) {
	t.Parallel()
	p := proxies(t, "10.0.0.7", "192.168.1.99/24", "2001:db8::/32", "::ffff:172.16.0.1")
	for text, want := range map[string]bool{
		"10.0.0.7": true, "::ffff:10.0.0.7": true, "10.0.0.8": false, "192.168.1.1": true, "192.168.2.1": false, "2001:db8::1": true, "2001:db9::1": false, "172.16.0.1": true, "127.0.0.1": false,
	} {
		if p.Trusts(netip.MustParseAddr(text)) != want {
			t.Errorf("trusts %s: %v", text, !want)
		}
	}
	if p.Trusts(netip.Addr{}) || (Proxies{}).Trusts(netip.MustParseAddr("127.0.0.1")) {
		t.Error("who says nothing is trusted")
	}
	for _, text := range []string{"", "proxy.example.org", "10.0.0.0/33", "*"} {
		if _, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is taken for a proxy", text)
		}
	}
}

func TestTheClientBehindProxies(t *testing.T) {
	t.Parallel()
	p := proxies(t, "10.0.0.0/8", "fd00::1")
	for _, c := range []struct {
		peer string
		said []string
		want string
	}{
		{"203.0.113.5", nil, "203.0.113.5"},
		{"203.0.113.5", []string{"192.0.2.1"}, "203.0.113.5"}, // no proxy: its word is nothing
		{"10.0.0.1", nil, "10.0.0.1"},
		{"10.0.0.1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1", []string{"1.1.1.1, 192.0.2.1"}, "192.0.2.1"}, // the first is what the client made up
		{"10.0.0.1", []string{"1.1.1.1", "192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1", []string{"192.0.2.1, nonsense"}, "10.0.0.1"},
		{"10.0.0.1", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"fd00::1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"::ffff:10.0.0.1", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
	} {
		r := request{peer: c.peer, header: map[string][]string{"X-Forwarded-For": c.said}}
		if got := p.Client(r).String(); got != c.want {
			t.Errorf("%s says %q: the client is %s, want %s", c.peer, c.said, got, c.want)
		}
	}
}

func TestTheAddressBehindProxies(t *testing.T) {
	t.Parallel()
	p := proxies(t, "10.0.0.1")
	for _, c := range []struct{ peer, proto, host, want string }{
		{"10.0.0.1", "https", "packages.example.org", "https://packages.example.org"},
		{"10.0.0.1", "", "", "http://inner"},
		{"10.0.0.1", "HTTPS", "made.up, packages.example.org:8443", "https://packages.example.org:8443"},
		{"10.0.0.1", "javascript", "a/b", "http://inner"},
		{"10.0.0.1", "https", "a\"><script>", "https://inner"},
		{"10.0.0.2", "https", "packages.example.org", "http://inner"},
	} {
		r := request{peer: c.peer, header: map[string][]string{"X-Forwarded-Proto": {c.proto}, "X-Forwarded-Host": {c.host}}}
		if scheme, host := p.Address(r, "http", "inner"); scheme+"://"+host != c.want {
			t.Errorf("%+v: %s://%s", c, scheme, host)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("1.1.1.1, 10.0.0.2:80", "https", "a.example")
	f.Add("[::1]:1,,", "", "[")
	p := proxies(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, hops, proto, host string) {
		r := request{peer: "10.0.0.1", header: map[string][]string{"X-Forwarded-For": {hops}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}}
		if !p.Client(r).IsValid() {
			t.Fatalf("%q gives no client", hops)
		}
		scheme, at := p.Address(r, "http", "inner")
		if scheme != "http" && scheme != "https" || at == "" || strings.ContainsAny(at, "/\\\"<> \r\n\x00?#@") {
			t.Fatalf("%q and %q give %s://%s", proto, host, scheme, at)
		}
	})
}
