package base

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// everywhere is the task that dispatches one kind of upkeep in each domain.
type everywhere struct {
	// Orphans cleans up orphans, Purge deletes finished tasks.
	Orphans bool `json:"orphans,omitempty"`
	Purge   bool `json:"purge,omitempty"`
	// Minutes protect what is younger.
	Minutes int64 `json:"minutes"`
}

// Kind is the task's name.
func (everywhere) Kind() string { return "packhouse.upkeep.everywhere" }

// Locks are none: what it dispatches has its own.
func (everywhere) Locks() task.Locks { return task.Locks{} }

// Scheduled tells what is wrong with arguments that a person wrote.
func (a everywhere) Scheduled(string) (task.Args, error) {
	if a.Orphans == a.Purge {
		return nil, errs.New(errs.Invalid, "set either orphans or purge to true")
	}
	return a, checkMinutes(a.Minutes)
}

func (a everywhere) in(domain string) task.Args {
	if a.Orphans {
		return cleanOrphans{Domain: domain, Minutes: a.Minutes}
	}
	return purge{Minutes: a.Minutes, States: finalStates()}
}

func finalStates() []string {
	var out []string
	for _, s := range task.States() {
		if s.Final() {
			out = append(out, string(s))
		}
	}
	return out
}

// checkMinutes refuses times of protection that protect nothing: what clients have just sent would go.
func checkMinutes(minutes int64) error {
	if minutes == 0 {
		return errs.New(errs.Invalid, "minutes is required: what is younger stays, give from 1 to %d", int64(maxProtection))
	}
	if minutes < 1 || minutes > maxProtection {
		return errs.New(errs.Invalid, "minutes must be between 1 and %d", int64(maxProtection))
	}
	return nil
}

func runEverywhere(ctx context.Context, run *task.Run, env *resource.Env, a everywhere) error {
	domains, err := allDomains(ctx, run)
	if err != nil {
		return err
	}
	for _, domain := range domains {
		child := task.WithOrigin(ctx, task.Origin{CID: run.CID, DomainID: domain, ParentID: run.ID, UserID: run.UserID})
		err := run.InTx(ctx, func(tx *db.Tx) error {
			if err := tx.HoldRow("core_domains", domain); err != nil {
				return err
			}
			_, err := env.Tasks.Dispatch(child, tx, a.in(domain))
			return err
		})
		if err != nil && !errs.Is(err, errs.NotFound) { // deleted meanwhile, which leaves nothing to do
			return fmt.Errorf("dispatch the upkeep of a domain: %w", err)
		}
	}
	run.Log().Info("upkeep was dispatched", "domains", len(domains))
	return nil
}

// allDomains are the identities of all domains.
func allDomains(ctx context.Context, run *task.Run) (ids []string, err error) {
	if err := run.DB().Read(ctx).Table("core_domains").Order("id").Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list the domains: %w", err)
	}
	return ids, nil
}

var _ task.ForSchedule = everywhere{}
