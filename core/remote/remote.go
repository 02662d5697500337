// Package remote fetches files from where content comes from. A Client is made of the row of a remote and keeps to all
// that the row says (certificates, proxy, credentials, headers, timeouts, retries, concurrency, rate) and to the
// egress policy of the installation, which is looked at after each name is resolved and on every redirect.
//
// What holds for every request:
//
//   - Credentials, headers and the client certificate of the remote go to the host of the remote's URL only: never to
//     another host, port or a weaker scheme, and not back to it from there either.
//   - A redirect from https to http is refused, unless the remote does not validate TLS and has no credentials.
//   - No compression is asked for and none is taken: the bytes must be those that the digests were made of.
//   - Without settings there is no limit of the total time. Connecting ends after 30 seconds, waiting for the next byte
//     after 60, so that an upstream that has stalled holds nothing for ever.
//   - The proxy of the environment is not used: the egress policy is to be read off the settings alone.
//   - No error and no line of the log shows a credential or the query of a URL.
package remote

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
)

// Want is a file to fetch and what it must be.
type Want struct {
	URL string
	// Size is in bytes; nil is not known.
	Size *int64
	// Digests must all match; a digest whose algorithm the store does not compute is an error before anything is fetched.
	Digests artifact.Digests
}

// Open is an answer whose body is still to be read. Close it: it holds one of the remote's places for downloads.
type Open struct {
	Body io.ReadCloser
	// Size is what the upstream says, -1 when it does not.
	Size   int64
	Header http.Header
	// Status is the HTTP status, 200 for a file.
	Status int
	// URL is where the answer came from, when redirects have been followed.
	URL *url.URL
	// Framed tells that the end of the body is told apart from a connection that broke: the upstream gives the length, or
	// marks the end.
	Framed bool
}

// Options are what all clients of an installation share.
type Options struct {
	// Box opens the sealed columns; without one a remote with secrets cannot be used.
	Box *secret.Box
	// Egress is the setting egress.allow: addresses, networks, host names. A wrong entry panics; the settings were
	// checked when they were read.
	Egress []string
	// ImportPaths are the absolute folders that file:// may read: the setting allowed_import_paths.
	ImportPaths []string
	// UserAgent is sent with every request; empty is "packhouse".
	UserAgent string
	// Log is told about what is tried again; nil is silent.
	Log *slog.Logger
	// Clock is the real one when nil.
	Clock Clock
}

// Clock is what waiting between tries goes by.
type Clock interface {
	Now() time.Time
	// Sleep returns early, with the cause, when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

// Remotes makes clients. It is safe for concurrent use. Clients of one remote share its limits.
type Remotes struct {
	o      Options
	egress *egress

	mu      sync.Mutex
	clients map[string]*cached
	uses    uint64
}

// cached is a client with the state of the row that it was made of.
type cached struct {
	client  *Client
	updated time.Time
	used    uint64
}

// maxClients bounds the clients that are kept with their idle connections.
const maxClients = 256

// New makes the Remotes of a process.
func New(o Options) *Remotes {
	o.UserAgent = cmp.Or(o.UserAgent, "packhouse")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	return &Remotes{o: o, egress: newEgress(o.Egress), clients: map[string]*cached{}}
}

// Client gives the client of a remote, made anew when the row has changed. A row that cannot be used (a certificate
// that is none, a secret of a lost key) is an error that says so.
func (r *Remotes) Client(row *model.Remote) (*Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uses++
	known := r.clients[row.ID]
	if known != nil && known.updated.Equal(row.PulpLastUpdated) {
		known.used = r.uses
		return known.client, nil
	}
	client, err := r.newClient(row)
	if err != nil || row.ID == "" {
		return client, err
	}
	if known == nil {
		r.makeRoom()
	} else {
		known.client.rest()
	}
	r.clients[row.ID] = &cached{client: client, updated: row.PulpLastUpdated, used: r.uses}
	return client, nil
}

// makeRoom forgets the client that was used longest ago. Who has it goes on using it.
func (r *Remotes) makeRoom() {
	if len(r.clients) < maxClients {
		return
	}
	oldest := ""
	for id, c := range r.clients {
		if oldest == "" || c.used < r.clients[oldest].used {
			oldest = id
		}
	}
	r.clients[oldest].client.rest()
	delete(r.clients, oldest)
}

// Purpose is what a secret column of a remote is sealed for, given the column's name.
func Purpose(column string) string { return "core.remote." + column }

// wallClock is the real clock.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var _ Clock = wallClock{}
