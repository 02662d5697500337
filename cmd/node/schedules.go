package node

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// declareSchedules makes the rows of schedules be what the enabled apps declare.
func (n *Node) declareSchedules(ctx context.Context) error {
	err := n.db.InTx(ctx, func(tx *db.Tx) error { return task.Declare(tx, n.box, n.declared) })
	if err != nil {
		return fmt.Errorf("keep the schedules that the apps declare: %w", err)
	}
	return nil
}
