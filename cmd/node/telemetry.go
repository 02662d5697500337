package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/obs/health"
	"github.com/packhouse/packhouse/core/obs/metric"
	"github.com/packhouse/packhouse/core/obs/trace"
)

const (
	// lastTraces is how long a stop may take to send the traces that are left.
	lastTraces = 2 * time.Second
	// lastTracesOfChild is the same for a child: the end of its task waits for it.
	lastTracesOfChild = 500 * time.Millisecond
	// metricsTimeout is how long a reader of metrics may take for its request, and how long to write the answer.
	metricsTimeout = 15 * time.Second
)

// bindMetrics binds the address of the metrics where they have one of their own.
func (n *Node) bindMetrics(ctx context.Context) error {
	address := n.settings().MetricsListen
	if address == "" || n.o.Mode == Child {
		return nil
	}
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return errs.New(errs.Invalid, "listen on %s for the metrics, does another process use it? Choose another address with metrics_listen, one for each process on a host: %w", address, err)
	}
	n.metricsListener = &listener{Listener: bound}
	n.later(n.metricsListener.Close)
	return nil
}

// openTraces begins to trace where the settings want it. A child goes on within the span of its parent process, which
// adds the trace to what the child logs.
func (n *Node) openTraces(ctx context.Context) (err error) {
	n.observer = &observer{}
	s := n.settings().Telemetry
	if s.Endpoint == "" {
		return nil
	}
	if n.o.Mode != Child {
		n.o.Log = trace.Logged(n.o.Log)
	}
	n.observer.tracer, err = trace.Open(ctx, trace.Options{
		Endpoint: s.Endpoint, Sampling: s.Sampling, Version: n.o.Version, Mode: string(n.o.Mode), Log: n.o.Log,
		Count: func(what string, spans int) { n.observer.metrics.Spans.Count(what, spans) },
	})
	if err != nil {
		return err
	}
	n.later(func() error { return n.closeTraces(ctx) })
	return nil
}

// closeTraces sends what is left. That a collector is away must not make the stop a failure.
func (n *Node) closeTraces(ctx context.Context) error {
	patience := lastTraces
	if n.o.Mode == Child {
		patience = lastTracesOfChild
	}
	// detached: ctx may have ended, and the sending takes its own short time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := n.observer.tracer.Close(ctx); err != nil {
		n.o.Log.Warn("the last traces could not be sent", "error", err)
	}
	return nil
}

// openMetrics begins to count, and tells it where metrics have an address of their own.
func (n *Node) openMetrics(mounted app.Mounted) error {
	var kinds []string
	for _, h := range mounted.Handlers {
		kinds = append(kinds, h.Kind())
	}
	n.health = health.New(n.o.Log)
	n.observer.metrics = metric.New(metric.Options{Version: n.o.Version, Mode: string(n.o.Mode), Kinds: kinds, Log: n.o.Log})
	proxies, err := auth.ParseProxies(n.settings().TrustedProxies)
	if err != nil {
		return err
	}
	n.metrics = api.Metrics{Handler: n.observer.metrics.Handler(), Allow: networks(n.settings().MetricsAllow), Proxies: proxies}
	if n.metricsListener == nil {
		return nil
	}
	// The listener closes with the server, and the requests that are under way end with their time.
	server := &http.Server{Handler: watching(n.metrics, n.health), ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout}
	go func() {
		if err := server.Serve(n.metricsListener); !errors.Is(err, http.ErrServerClosed) {
			n.o.Log.Error("the metrics are not told any more", "error", err)
		}
	}()
	n.later(server.Close)
	return nil
}

// askForMetrics has the servers asked when somebody reads the metrics.
func (n *Node) askForMetrics() {
	from := metric.Sources{Database: n.db.Ping, Pools: n.pools}
	if n.o.Mode.dispatches() {
		from.Backlog = n.backlog
		if !n.settings().RedisURL.Empty() {
			from.Redis = n.tasks.Ping
		}
	}
	if n.listener != nil {
		from.Connections = n.connections
	}
	if n.o.Mode.worker() {
		n.observer.metrics.Tasks.Places(n.settings().Worker.Concurrency)
	}
	n.observer.metrics.Ask(from)
}

func (n *Node) backlog(ctx context.Context) (metric.Backlog, error) {
	b, err := n.tasks.Backlog(ctx)
	return metric.Backlog{Resources: b.Resources, Cap: b.Cap, Worker: b.Worker, Oldest: b.Oldest}, err
}

// pools are the connections to the database.
func (n *Node) pools() map[string]metric.Pool {
	out := map[string]metric.Pool{}
	for name, p := range n.db.Pools() {
		out[name] = metric.Pool(p)
	}
	return out
}

// front is what stands before the other parts of the HTTP server.
func (n *Node) front() api.Front {
	f := api.Front{Watch: n.observer, Health: n.health}
	if n.metricsListener == nil {
		f.Metrics = n.metrics
	}
	return f
}

// watching answers whoever watches the process, and nobody else.
func watching(metrics http.Handler, h *health.Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+api.MetricsPath, metrics)
	mux.Handle("GET "+health.LivePath, h)
	mux.Handle("GET "+health.ReadyPath, h)
	return mux
}

// networks are those of the setting, which has been checked.
func networks(list []string) (out []netip.Prefix) {
	for _, text := range list {
		if network, err := netip.ParsePrefix(text); err == nil {
			out = append(out, network.Masked())
		} else if address, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(address.Unmap().WithZone(""), address.Unmap().BitLen()))
		}
	}
	return out
}
