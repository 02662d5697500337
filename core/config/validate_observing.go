package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// checkObserving checks who may watch and where traces go.
func (s Settings) checkObserving(c *checker) {
	if s.MetricsListen != "" {
		_, port, err := net.SplitHostPort(s.MetricsListen)
		_, wrong := strconv.ParseUint(port, 10, 16)
		c.must(err == nil && wrong == nil, "metrics_listen", "%q must be address:port, such as 127.0.0.1:9095, or empty", s.MetricsListen)
	}
	for _, text := range s.MetricsAllow {
		_, address := netip.ParseAddr(text)
		_, network := netip.ParsePrefix(text)
		c.must(address == nil || network == nil, "metrics_allow", "%q must be an address or a network such as 10.0.0.0/8", text)
	}
	if s.Telemetry.Endpoint != "" {
		u, err := url.Parse(s.Telemetry.Endpoint)
		ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Trim(u.Path, "/") == "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
		c.must(ok, "telemetry.endpoint", "must be scheme, host and port of a collector, such as http://127.0.0.1:4318, without a path (/v1/traces is added) and without a password")
	}
	c.must(s.Telemetry.Sampling >= 0 && s.Telemetry.Sampling <= 1, "telemetry.sampling", "%v must lie between 0 and 1", s.Telemetry.Sampling)
}
