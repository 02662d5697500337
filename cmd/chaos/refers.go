package main

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// artifacts is how many there are to refer to.
const artifacts = 3

// artifactID is the identity of one of them.
func artifactID(n int) string { return fmt.Sprintf("019aa5e2-0000-7000-8000-%012d", n) }

// addArtifacts makes them; there are no files.
func addArtifacts(tx *db.Tx) error {
	for n := range artifacts {
		base := model.NewBase(ident.DefaultDomain)
		base.ID = artifactID(n)
		digest := fmt.Sprintf("%064d", n)
		if err := tx.Create(&model.Artifact{Base: base, File: "artifact/" + digest, SHA256: digest, TimestampOfInterest: model.Now()}).Error; err != nil {
			return err
		}
	}
	return nil
}

// Refers is what the task needs.
func (j refersJob) Refers() []task.Reference { return task.References("core_artifacts", j.Needs) }

// refers wants what it needs to be kept from clean-ups as long as the task is not finished. A task that was taken from this
// process has nothing any more; then the transaction fails.
func (w works) refers(ctx context.Context, run *task.Run, j job) error {
	if err := rest(ctx, j); err != nil {
		return err
	}
	var kept int64
	err := run.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Table("core_task_references").Where("task_seq = ? AND object_id = ?", run.Seq, j.Needs).Count(&kept).Error; err != nil {
			return err
		}
		if err := leave(tx, run, 1, 1, ""); err != nil {
			return err
		}
		return leave(tx, run, 1, 2, "")
	})
	if err == nil && kept != 1 {
		w.journal.violated(run.ID, "may lose the artifact that it refers to")
	}
	return err
}

var _ task.Referrer = refersJob{}
