// Package publication makes publications: what a plugin's clients are served from a repository version.
//
// A publication is written as a draft that nobody sees, and becomes complete in one step. A task that fails deletes
// its draft; one that dies has it deleted by whoever settles the task.
package publication

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Spec says what is to be published.
type Spec struct {
	// Type is the pulp_type of the publication.
	Type string
	// Model and Path are the created resource's model label and the path of its kind.
	Model, Path string
	Version     *model.RepositoryVersion
	// PassThrough serves every unit of the version at its own paths.
	PassThrough bool
	Checkpoint  bool
	// Detail stores the plugin's own row in the transaction that makes the draft; may be nil.
	Detail func(tx *db.Tx, p *model.Publication) error
}

// Draft is a publication that is being written.
type Draft struct {
	Row *model.Publication

	ctx   context.Context
	run   *task.Run
	store *artifact.Store
}

// Make writes a publication: build adds what is published beside the units, and then it is complete.
func Make(ctx context.Context, run *task.Run, store *artifact.Store, spec Spec, build func(*Draft) error) (*model.Publication, error) {
	d := &Draft{ctx: ctx, run: run, store: store, Row: &model.Publication{
		Base: model.NewBase(run.Domain), PulpType: spec.Type, RepositoryID: spec.Version.RepositoryID, RepositoryVersionID: spec.Version.ID,
		VersionNumber: spec.Version.Number, PassThrough: spec.PassThrough, Checkpoint: spec.Checkpoint, TaskID: &run.ID}}
	err := run.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Create(d.Row).Error; err != nil || spec.Detail == nil {
			return err
		}
		return spec.Detail(tx, d.Row)
	})
	if err != nil {
		return nil, err
	}
	if err := build(d); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	if err := d.complete(spec); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	run.Log().Info("a publication was made", "version", d.Row.VersionNumber, "checkpoint", d.Row.Checkpoint)
	return d.Row, nil
}

func (d *Draft) complete(spec Spec) error {
	return d.run.InTx(d.ctx, func(tx *db.Tx) error {
		if err := reserve(tx, d.Row); err != nil {
			return err
		}
		done := tx.Model(&model.Publication{}).Where("id = ?", d.Row.ID).Update("complete", true)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return errs.New(errs.Conflict, "version %d was deleted while it was published; publish another one", d.Row.VersionNumber)
		}
		d.Row.Complete = true
		if err := supersede(tx, d.Row); err != nil {
			return err
		}
		if err := retain(tx, d.Row); err != nil {
			return err
		}
		return d.run.Created(tx, spec.Model, d.Row.ID, spec.Path+"/"+d.Row.ID+"/")
	})
}

// discard deletes the draft although the task may be canceled: nothing half-made stays.
func (d *Draft) discard() error {
	return d.run.DB().InTx(context.WithoutCancel(d.ctx), func(tx *db.Tx) error {
		return tx.Where("id = ? AND NOT complete", d.Row.ID).Delete(&model.Publication{}).Error
	})
}

// Write publishes a file of metadata at a path of its own; write produces its bytes. When it has returned, nothing of it
// runs any more, not even after a panic of write. An error of write is returned as it is.
func (d *Draft) Write(path string, write func(w io.Writer) error) error {
	received, err := d.receive(write)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = d.run.InTx(d.ctx, func(tx *db.Tx) error {
		a, _, err := received.Save(d.ctx, tx, d.run.Domain)
		if err != nil {
			return err
		}
		return tx.Create(&model.PublishedArtifact{PublicationID: d.Row.ID, RelativePath: path, ArtifactID: &a.ID, AddedAt: model.Now()}).Error
	})
	return errors.Join(err, received.Cancel())
}

// stored is the outcome of storing what a writer produces.
type stored struct {
	file *artifact.Received
	err  error
}

// receive runs write here and the storing beside it, so that a panic of write is one of the task and not of the process.
func (d *Draft) receive(write func(w io.Writer) error) (*artifact.Received, error) {
	reader, writer := io.Pipe()
	result := make(chan stored, 1)
	go func() {
		file, err := d.store.Receive(d.ctx, reader)
		_ = reader.CloseWithError(err) // a writer that nobody reads any more hears why
		result <- stored{file, err}
	}()
	failed := errors.New("it was given up in the middle")
	var got stored
	func() {
		defer func() {
			_ = writer.CloseWithError(failed)
			got = <-result
		}()
		failed = write(writer)
	}()
	if failed != nil && got.file != nil { // io.EOF looks like an end to the one who stores
		return nil, errors.Join(failed, got.file.Cancel())
	}
	if failed != nil {
		return nil, failed
	}
	return got.file, got.err
}
