package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
)

func TestWhoMayReadTheMetrics(t *testing.T) {
	t.Parallel()
	proxies, err := auth.ParseProxies([]string{"127.0.0.1", "10.9.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	untrusted := auth.Proxies{}
	for name, c := range map[string]struct {
		proxies auth.Proxies
		allow   []netip.Prefix
		peer    string
		header  [2]string
		want    int
	}{
		"from here":                             {untrusted, loopback, "127.0.0.1:5000", [2]string{}, 200},
		"from here, IPv6":                       {untrusted, loopback, "[::1]:5000", [2]string{}, 200},
		"from here, mapped":                     {untrusted, loopback, "[::ffff:127.0.0.1]:5000", [2]string{}, 200},
		"from elsewhere":                        {untrusted, loopback, "192.0.2.7:5000", [2]string{}, 403},
		"from elsewhere, allowed":               {untrusted, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "192.0.2.7:5000", [2]string{}, 200},
		"nobody allowed":                        {untrusted, nil, "127.0.0.1:5000", [2]string{}, 403},
		"no address":                            {untrusted, loopback, "@", [2]string{}, 403},
		"a proxy here that nobody named":        {untrusted, loopback, "127.0.0.1:5000", [2]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"another header of such a proxy":        {untrusted, loopback, "127.0.0.1:5000", [2]string{"Via", "1.1 x"}, 403},
		"an allowed address that is claimed":    {untrusted, loopback, "192.0.2.7:5000", [2]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"a trusted proxy, from elsewhere":       {proxies, loopback, "127.0.0.1:5000", [2]string{"X-Forwarded-For", "192.0.2.7"}, 403},
		"a trusted proxy, claimed":              {proxies, loopback, "127.0.0.1:5000", [2]string{"X-Forwarded-For", "127.0.0.1, 192.0.2.7"}, 403},
		"a trusted proxy, from here":            {proxies, loopback, "10.9.1.1:5000", [2]string{"X-Forwarded-For", "127.0.0.9"}, 200},
		"a trusted proxy that says nothing":     {proxies, loopback, "127.0.0.1:5000", [2]string{"X-Forwarded-Proto", "https"}, 403},
		"the host of a trusted proxy, directly": {proxies, loopback, "127.0.0.1:5000", [2]string{}, 200},
	} {
		r := httptest.NewRequest("GET", MetricsPath, nil)
		r.RemoteAddr = c.peer
		if c.header[0] != "" {
			r.Header.Set(c.header[0], c.header[1])
		}
		w := httptest.NewRecorder()
		Metrics{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "numbers") }), Allow: c.allow, Proxies: c.proxies}.ServeHTTP(w, r)
		if w.Code != c.want || (w.Body.String() == "numbers") != (c.want == 200) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestTheMetricsStandBesideTheRest: with an address of their own they do not stand there at all.
func TestTheMetricsStandBesideTheRest(t *testing.T) {
	t.Parallel()
	numbers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for metrics, want := range map[bool]int{true: http.StatusTeapot, false: http.StatusNotFound} {
		app := fiber.New(Config())
		f := Front{}
		if metrics {
			f.Metrics = numbers
		}
		f.Mount(app)
		answer, err := app.Test(httptest.NewRequest("GET", MetricsPath, nil))
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("with metrics %v the answer is %d", metrics, answer.StatusCode)
		}
	}
}
