package node

import (
	"context"
	"maps"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/serve"
)

// pulling completes the options of what fetches with those for distributions that have a remote.
func (n *Node) pulling(o fetch.Options, mounted app.Mounted) fetch.Options {
	s := n.settings().PullThrough
	o.Tasks, o.Repositories = n.tasks, map[string]serve.PullRepository{}
	o.Missing, o.MostPulled = time.Duration(s.Missing)*time.Second, s.MaxSize
	for _, kind := range mounted.Served {
		if kind.PullThrough != nil {
			maps.Copy(o.Repositories, kind.PullThrough.Repositories)
		}
	}
	return o
}

// pullTimes is how long the answers of upstreams count.
func pullTimes(s config.Settings) serve.PullTimes {
	return serve.PullTimes{Fresh: time.Duration(s.PullThrough.Fresh) * time.Second, Missing: time.Duration(s.PullThrough.Missing) * time.Second}
}

// lookAfterPulls begins the upkeep of what was pulled through, which ends before the fetcher does.
func (n *Node) lookAfterPulls(ctx context.Context, f *fetch.Fetcher) {
	// detached: it ends with the node, which has its own order.
	stop := f.Upkeep(context.WithoutCancel(ctx))
	n.later(func() error { stop(); return nil })
}
