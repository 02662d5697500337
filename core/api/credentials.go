package api

import (
	"net/netip"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
)

// credentials is a request as authentication sees it.
type credentials struct{ c *fiber.Ctx }

// Header gives all values of a header; the name is compared without case.
func (r credentials) Header(name string) []string {
	var values []string
	for _, value := range r.c.Request().Header.PeekAll(name) {
		values = append(values, string(value))
	}
	return values
}

// Cookie gives the value of a cookie, "" when there is none.
func (r credentials) Cookie(name string) string { return string(r.c.Request().Header.Cookie(name)) }

// Method is the HTTP method.
func (r credentials) Method() string { return r.c.Method() }

// Peer is the address at the other end of the connection.
func (r credentials) Peer() netip.Addr {
	address, _ := netip.AddrFromSlice(r.c.Context().RemoteIP())
	return address.Unmap()
}

var _ auth.Credentials = credentials{}
