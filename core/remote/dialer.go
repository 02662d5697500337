package remote

import (
	"context"
	"net"
	"time"
)

// Dialer makes connections for others than remotes that users name, such as the object storage of a domain, within the
// egress policy of the installation.
type Dialer struct {
	egress  *egress
	timeout time.Duration
}

// NewDialer makes a Dialer of the setting egress.allow. A wrong entry panics; the settings were checked.
func NewDialer(allow []string) *Dialer {
	return &Dialer{egress: newEgress(allow), timeout: 30 * time.Second}
}

// Check looks at a host as it stands in a URL, before anything is resolved.
func (d *Dialer) Check(host string) error {
	return d.egress.host(host)
}

// Dial connects to an address that the policy allows; it is asked after the resolution, so a name that changes its
// address in between gains nothing.
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return d.egress.dial(ctx, d.timeout, network, address)
}
