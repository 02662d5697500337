package cli

import (
	"io"
	"sync"
)

// shared is a writer for several at a time: the log of what goes on beside a command has the same standard error as the
// command itself.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes as a whole.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}

var _ io.Writer = (*shared)(nil)
