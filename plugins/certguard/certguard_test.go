package certguard

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// request is one with a header, from an address.
type request struct {
	lines []string
	peer  string
}

func (r request) Header(name string) []string {
	if name == clientHeader {
		return r.lines
	}
	return nil
}
func (request) Cookie(string) string { return "" }
func (request) Method() string       { return "GET" }
func (r request) Peer() netip.Addr   { return netip.MustParseAddr(r.peer) }

func visit(t testing.TB, peer string, lines ...string) *serve.Visit {
	t.Helper()
	proxies, err := auth.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	return &serve.Visit{Request: &serve.Request{Credentials: request{lines, peer}, Proxies: proxies}}
}

const proxy = "10.1.2.3"

func TestChains(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	between := ours.sign("between", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	quote := func(a *authority) string { return url.PathEscape(a.pem()) }
	client := ours.sign("client", nil)
	for _, c := range []struct {
		name   string
		lines  []string
		bundle string
		at     time.Time
		peer   string
		passes bool
	}{
		{"a client", []string{quote(client)}, ours.pem(), now, proxy, true},
		{"query escaping", []string{url.QueryEscape(strings.ReplaceAll(client.pem(), "\n", "\r\n"))}, ours.pem(), now, proxy, false},
		{"line breaks became blanks", []string{strings.ReplaceAll(client.pem(), "\n", " ")}, ours.pem(), now, proxy, true},
		{"several authorities", []string{quote(client)}, theirs.pem() + ours.pem(), now, proxy, true},
		{"an authority for clients", []string{quote(between.sign("c", nil))}, between.pem(), now, proxy, true},
		{"made for clients", []string{quote(ours.sign("c", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))}, ours.pem(), now, proxy, true},
		{"made to sign code", []string{quote(ours.sign("c", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }))}, ours.pem(), now, proxy, false},
		{"made for servers", []string{quote(ours.sign("c", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }))}, ours.pem(), now, proxy, false},
		{"of another authority", []string{quote(theirs.sign("client", nil))}, ours.pem(), now, proxy, false},
		{"of an authority of the same name", []string{quote(newAuthority(t, "ours").sign("client", nil))}, ours.pem(), now, proxy, false},
		{"of a client", []string{quote(client.sign("child", nil))}, ours.pem(), now, proxy, false},
		{"without what is between", []string{quote(between.sign("c", nil))}, ours.pem(), now, proxy, false},
		{"too early", []string{quote(client)}, ours.pem(), now.Add(-13 * time.Hour), proxy, false},
		{"too late", []string{quote(client)}, ours.pem(), now.Add(13 * time.Hour), proxy, false},
		{"not from a proxy", []string{quote(client)}, ours.pem(), now, "192.0.2.1", false},
		{"no header", nil, ours.pem(), now, proxy, false},
		{"two headers", []string{quote(client), quote(client)}, ours.pem(), now, proxy, false},
		{"two certificates", []string{quote(client) + quote(client)}, ours.pem(), now, proxy, false},
		{"something in front", []string{"x" + quote(client)}, ours.pem(), now, proxy, false},
		{"something behind", []string{quote(client) + "x"}, ours.pem(), now, proxy, false},
		{"an empty header", []string{""}, ours.pem(), now, proxy, false},
		{"no certificate", []string{begin + "AAAA" + end}, ours.pem(), now, proxy, false},
	} {
		_, err := trusted(visit(t, c.peer, c.lines...), c.bundle, c.at)
		if c.passes != (err == nil) || err != nil && !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := verify(client.certificate, "nothing", now); !errs.Is(err, errs.Internal) {
		t.Errorf("authorities that cannot be read: %v", err)
	}
}

func TestAuthoritiesOfAGuard(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	key, err := x509.MarshalPKCS8PrivateKey(ours.key)
	if err != nil {
		t.Fatal(err)
	}
	g := Guard{CACertificate: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) + "words\n" + ours.pem()}
	if err := checkAuthorities(&g); err != nil || g.CACertificate != ours.pem() {
		t.Errorf("%v, %q", err, g.CACertificate)
	}
	for _, text := range []string{"", "words", begin + "\nAAAA\n" + end + "\n"} {
		if err := checkAuthorities(&Guard{CACertificate: text}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEntitlements(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	named := []string{"/content/dist/rhel/$releasever/$basearch/os", "/content/dist/layered/", "content/beta/$releasever-eus/os", "/one", "/content/dist/rhel/special"}
	for name, set := range map[string]func(*x509.Certificate){"1": version1(t, named...), "3": version3(t, named...)} {
		c := ours.sign("client", set).certificate
		for path, want := range map[string]bool{
			"content/dist/rhel/8/x86_64/os":                 true,
			"content/dist/rhel/8/x86_64/os/":                true,
			"content/dist/rhel/8/x86_64/os/repodata/repomd": true,
			"content/dist/layered/a":                        true,
			"content/beta/9-eus/os/f":                       true,
			"one":                                           true,
			"one/f":                                         true,
			"content/dist/rhel/special/f":                   true,
			"content/dist/rhel/8/x86_64/osx":                false,
			"content/dist/rhel/8/x86_64":                    false,
			"content/dist/rhel/8/x86_64/":                   false,
			"content/dist/rhel/8/x86_64/debug/os":           false,
			"content/dist/layere":                           false,
			"content/beta/-eus/os/f":                        false,
			"content/beta/9/os/f":                           false,
			"onefold":                                       false,
			"x/one":                                         false,
			"":                                              false,
			"content":                                       false,
			"$releasever":                                   false,
		} {
			err := entitled(c, path)
			if want != (err == nil) || err != nil && !errs.Is(err, errs.Forbidden) {
				t.Errorf("version %s, %s: %v", name, path, err)
			}
		}
	}
}

func TestCertificatesThatEntitleToNothing(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	with := func(extensions ...func(c *x509.Certificate)) *x509.Certificate {
		return ours.sign("client", func(c *x509.Certificate) {
			for _, set := range extensions {
				set(c)
			}
		}).certificate
	}
	add := func(value any, below ...int) func(c *x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, extension(t, value, below...))
		}
	}
	for name, c := range map[string]*x509.Certificate{
		"no extension":                      with(),
		"the root":                          with(version1(t, "", "/", "//")),
		"an unknown version":                with(add("2.0", 6), add(pack(t, "/a"), 7)),
		"a version that is none":            with(add(3, 6), add(pack(t, "/a"), 7)),
		"version 3 without paths":           with(add("3.0", 6)),
		"version 3 with paths of version 1": with(add("3.0", 6), add("/a", 2, 1, 1, 6)),
		"a tree that is text":               with(add("3.0", 6), add("/a", 7)),
		"a broken tree":                     with(add("3.0", 6), add([]byte{1, 2, 3}, 7)),
		"another extension":                 with(add("/a", 2, 1, 1, 7)),
		"a deeper extension":                with(add("/a", 2, 1, 1, 6, 1)),
		"a number for a path":               with(add(1, 2, 1, 1, 6)),
	} {
		if err := entitled(c, "a"); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTreesOfAnyPaths: a tree covers what the list of its paths covers.
func TestTreesOfAnyPaths(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		segment := rapid.SampledFrom([]string{"a", "b", "c", "$v", "dd", "$v-x", "e-x"})
		path := rapid.Map(rapid.SliceOfN(segment, 1, 4), func(s []string) string { return strings.Join(s, "/") })
		all := rapid.SliceOfNDistinct(path, 1, 12, rapid.ID[string]).Draw(rt, "paths")
		// Paths below others have no form of their own in a tree: the shorter one ends it.
		all = slices.DeleteFunc(all, func(p string) bool {
			return slices.ContainsFunc(all, func(q string) bool { return p != q && strings.HasPrefix(q, p+"/") })
		})
		tree, err := parsePathTree(pack(t, all...))
		if err != nil {
			rt.Fatal(err)
		}
		var list paths
		for _, p := range all {
			list = append(list, segments(p))
		}
		for _, ask := range rapid.SliceOfN(path, 1, 30).Draw(rt, "asked") {
			if got, want := tree.covers(segments(ask)), list.covers(segments(ask)); got != want {
				rt.Fatalf("%q: %t, want %t", ask, got, want)
			}
		}
	})
}

func TestLargeTree(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 300 {
		all = append(all, fmt.Sprintf("/content/%d/x/%d", i%17, i))
	}
	tree, err := parsePathTree(pack(t, all...))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if !tree.covers(segments(p)) {
			t.Errorf("%s is not covered", p)
		}
	}
	if tree.covers(segments("/content/3/x/4")) {
		t.Error("a path of another folder is covered")
	}
}

// TestPackedForm holds the form to one that was worked out by hand: the paths /a/b and /c. The names a, b, c and "end"
// weigh 1 to 4, so their codes are 110, 111, 10 and 0; the nodes behind the root weigh 1 and 2, so theirs are 0 and 1.
func TestPackedForm(t *testing.T) {
	t.Parallel()
	got := pack(t, "/a/b", "/c")
	names := got[:len(got)-3]
	// 3 nodes; root: a→1 (110 0) c→2 (10 1) end (0); node 1: b→2 (111 1) end (0); node 2: end (0).
	if want := "03" + "caf0"; hex.EncodeToString(got[len(names):]) != want {
		t.Errorf("%x, want %s", got[len(names):], want)
	}
}

// FuzzPathTree: any bytes are read or refused, and what is read can be asked.
func FuzzPathTree(f *testing.F) {
	f.Add(pack(f, "/a/b", "/c"))
	f.Add(pack(f, "/a"))
	f.Add([]byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, packed []byte) {
		if tree, err := parsePathTree(packed); err == nil {
			tree.covers([]string{"a", "b", "c"})
		}
	})
}

// FuzzClientHeader: any header is read as one certificate or refused.
func FuzzClientHeader(f *testing.F) {
	a := newAuthority(f, "ours")
	f.Add(url.PathEscape(a.pem()))
	f.Add(strings.ReplaceAll(a.pem(), "\n", " "))
	f.Add("%")
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := parseClient(line)
		if ok && c == nil {
			t.Fatal("no certificate")
		}
		if ok {
			_ = entitled(c, "a/b")
		}
	})
}

// FuzzEntitlement: extensions of any content entitle to something or nothing.
func FuzzEntitlement(f *testing.F) {
	f.Add("3.0", pack(f, "/a"), []byte("\x0c\x02/a"))
	f.Add("", []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, version string, packed, path []byte) {
		c := &x509.Certificate{}
		value, err := asn1.Marshal(packed)
		if err != nil {
			return
		}
		text, err := asn1.MarshalWithParams(version, "utf8")
		if err != nil {
			return
		}
		c.Extensions = append(c.Extensions, extension(t, "x", 99))
		for below, value := range map[int][]byte{6: text, 7: value} {
			e := extension(t, "x", below)
			e.Value = value
			c.Extensions = append(c.Extensions, e)
		}
		one := extension(t, "x", 2, 1, 1, 6)
		one.Value = path
		c.Extensions = append(c.Extensions, one)
		_ = entitled(c, "a/b")
	})
}
