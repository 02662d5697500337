package node

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/serve/downloads"
)

// noteDownloads begins to keep when content was last downloaded, where the settings want it, and gives what notes it.
func (n *Node) noteDownloads(ctx context.Context) func(content string, at time.Time) {
	every := n.settings().DownloadTimes
	if every == 0 {
		return nil
	}
	kept := downloads.Start(ctx, downloads.Options{DB: n.db, Every: time.Duration(every) * time.Second, Log: n.o.Log})
	n.later(kept.Close) // its requests are done by then, and the database is closed after it
	return kept.Note
}
