package task

import "context"

// Flush saves what a run has to tell, as its saver does now and then.
func (r *Run) Flush(ctx context.Context) error { return r.saver.flush(ctx) }
