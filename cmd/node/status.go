package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
)

// statusPatience is how long one part of the status may take; a part that is away must not hold up the answer.
const statusPatience = 2 * time.Second

// status is the answer of status/. What cannot be asked is shown as not connected or left out, and logged.
func (n *Node) status(ctx context.Context) api.Status {
	s := n.o.Loaded.Settings
	out := api.Status{
		Versions: api.Components(n.o.Registry.Versions()),
		Workers:  []api.Process{}, APIApps: []api.Process{}, Contents: []api.Process{},
		DomainsOn: s.DomainEnabled, Content: api.ContentInfo{Origin: s.ContentOrigin, Prefix: s.ContentPathPrefix},
	}
	out.Database.Connected = n.answers(ctx, "database", n.db.Ping)
	if !s.RedisURL.Empty() {
		out.Redis.Connected = n.answers(ctx, "Redis", n.tasks.Ping)
	}
	if !out.Database.Connected {
		return out
	}
	n.answers(ctx, "list of processes", func(ctx context.Context) error { return n.processes(ctx, &out) })
	n.answers(ctx, "fill of the storage", func(ctx context.Context) (err error) {
		out.Storage, err = n.fill(ctx)
		return err
	})
	return out
}

func (n *Node) answers(ctx context.Context, what string, ask func(ctx context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	if err := ask(ctx); err != nil {
		n.o.Log.Warn("the status is not complete", "missing", what, "error", err)
		return false
	}
	return true
}

// processes puts the processes that are online into the status.
func (n *Node) processes(ctx context.Context, out *api.Status) error {
	var rows []task.AppStatus
	if err := n.db.Read(ctx).Order("name").Find(&rows).Error; err != nil {
		return fmt.Errorf("read which processes are online: %w", err)
	}
	lists := map[string]*[]api.Process{"worker": &out.Workers, "api": &out.APIApps, "content": &out.Contents}
	for _, row := range rows {
		list := lists[row.AppType]
		if list == nil || !row.Online(db.Now()) {
			continue
		}
		p := api.Process{Name: row.Name, LastHeartbeat: row.LastHeartbeat}
		if err := json.Unmarshal(row.Versions, &p.Versions); err != nil {
			return fmt.Errorf("read the versions of the process %s: %w", row.Name, err)
		}
		*list = append(*list, p)
	}
	return nil
}

// fill measures the storage; one that cannot be measured shows the sum of what was put into it.
func (n *Node) fill(ctx context.Context) (*api.Storage, error) {
	store, err := n.store.In(ctx, task.OriginFrom(ctx).DomainID)
	if err != nil {
		return nil, err
	}
	if meter, ok := store.Storage.(storage.Meter); ok {
		total, used, free, err := meter.Usage(ctx)
		if err != nil {
			return nil, err
		}
		return &api.Storage{Total: &total, Used: &used, Free: &free}, nil
	}
	var used int64
	err = n.db.Read(ctx).Model(&model.Artifact{}).Where("domain_id = ?", store.Domain()).Select("coalesce(sum(size), 0)").Scan(&used).Error
	if err != nil {
		return nil, fmt.Errorf("add up the sizes of the artifacts: %w", err)
	}
	return &api.Storage{Used: &used}, nil
}
