package config

import (
	"net/netip"
	"regexp"
	"strings"
)

// checkProxies checks whose word is believed and what they say it in.
func (s Settings) checkProxies(c *checker) {
	for _, text := range s.TrustedProxies {
		_, address := netip.ParseAddr(text)
		_, network := netip.ParsePrefix(text)
		c.must(address == nil || network == nil, "trusted_proxies", "%q must be an address or a network such as 10.0.0.0/8", text)
	}
	a := s.Authentication
	name := regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]*$`) // RFC 9110, section 5.6.2
	for _, h := range []struct{ key, header string }{
		{"authentication.remote_user_header", a.RemoteUserHeader}, {"authentication.json_header", a.JSONHeader},
	} {
		c.must(name.MatchString(h.header), h.key, "%q must be the name of a header, such as Remote-User", h.header)
		c.must(h.header == "" || len(s.TrustedProxies) > 0, h.key, "is believed from trusted proxies only; name them in trusted_proxies")
	}
	c.oneOf("content_sendfile", s.ContentSendfile, "off", "nginx", "apache")
	if s.ContentSendfile != "off" {
		c.must(len(s.TrustedProxies) > 0, "content_sendfile", "works behind a trusted proxy only; name the web server in trusted_proxies")
		c.must(s.Storage.Backend == "filesystem", "content_sendfile", "works with storage.backend filesystem only; with s3 use redirect_to_object_storage")
	}
	const filter = "authentication.json_header_jq_filter"
	c.must(a.JSONHeader == "" || a.JSONHeaderJQFilter != "", filter, "must be set when authentication.json_header is, such as .identity.user.username")
	c.must(a.JSONHeaderJQFilter == "" || strings.HasPrefix(a.JSONHeaderJQFilter, "."), filter, "%q must begin with a dot", a.JSONHeaderJQFilter)
}
