package node

import (
	"net"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/listen"
	"github.com/packhouse/packhouse/core/obs/metric"
)

// bounded sets the bounds of the settings to the listener of the process.
func (n *Node) bounded(bound net.Listener) error {
	s := n.settings()
	proxies, err := auth.ParseProxies(s.TrustedProxies)
	if err != nil {
		return err
	}
	n.listener = listen.New(bound, listen.Options{
		Most: mostConnections(s.MaxConnections, listen.Files()), PerClient: s.MaxConnsPerClient, Exempt: proxies.Trusts, Log: n.o.Log,
	})
	n.later(n.listener.Close)
	return nil
}

// mostConnections is how many connections may be open, by the setting and the limit of open files.
func mostConnections(setting int, files uint64) int {
	if setting > 0 {
		return setting
	}
	return listen.ByFiles(files)
}

// connections tells the metrics of the listener.
func (n *Node) connections() metric.Connections {
	open, full, client := n.listener.Count()
	return metric.Connections{Open: open, Max: n.listener.Most, Refused: map[string]int64{"all": full, "client": client}}
}

// shutdownDelay is how long a stop leaves everything as it is, so that load balancers see it coming.
func (n *Node) shutdownDelay() time.Duration {
	if n.listener == nil {
		return 0
	}
	return time.Duration(n.settings().ShutdownDelay) * time.Second
}

// shutdownTimeout is how long running requests may go on after that.
func (n *Node) shutdownTimeout() time.Duration {
	return time.Duration(n.settings().ShutdownTimeout) * time.Second
}

// breakOff ends what has not finished in time, in a way that no client takes for the end of a file.
func (n *Node) breakOff() {
	if left := n.listener.Break(); left > 0 {
		n.o.Log.Warn("requests took longer than shutdown_timeout and were broken off", "connections", left)
	}
}
