package publication_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/storage"
)

func TestADraftIsNotCompleteBeforeItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p, err := w.publish(w.version(2), func(d *publication.Draft) error {
			if err := d.Write("list", func(out io.Writer) error { _, err := io.WriteString(out, "listed"); return err }); err != nil {
				return err
			}
			if n := w.count("core_publications WHERE complete"); n > 0 {
				t.Error("a draft is visible")
			}
			if n := w.count("core_created_resources"); n > 0 {
				t.Error("a draft is a created resource")
			}
			return nil
		})
		must(t, err)
		if !p.Complete || w.count("core_publications WHERE complete AND id = ?", p.ID) != 1 || w.count("core_created_resources WHERE object_id = ?", p.ID) != 1 {
			t.Errorf("%+v is not complete", p)
		}
		var key string
		must(t, w.Read(t.Context()).Raw("SELECT a.file FROM core_published_artifacts p JOIN core_artifacts a ON a.id = p.artifact_id WHERE p.publication_id = ? AND p.relative_path = 'list'", p.ID).Scan(&key).Error)
		r, err := w.store.Storage.Open(t.Context(), key, 0, -1)
		must(t, err)
		defer r.Close()
		if all, err := io.ReadAll(r); string(all) != "listed" || err != nil {
			t.Errorf("published %q, %v", all, err)
		}
	})
}

func TestAFailedBuildLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v := w.version(2)
		wrong := errs.New(errs.Internal, "no list today")
		write := func(out io.Writer) error { _, err := out.Write(bytes.Repeat([]byte("x"), 1<<20)); return err }
		for name, c := range map[string]struct {
			build func(d *publication.Draft) error
			want  error
		}{
			"the build fails":  {func(*publication.Draft) error { return wrong }, wrong},
			"the writer fails": {func(d *publication.Draft) error { return d.Write("list", func(io.Writer) error { return wrong }) }, wrong},
			"the writer fails late": {func(d *publication.Draft) error {
				return d.Write("list", func(out io.Writer) error { return errors.Join(write(out), wrong) })
			}, wrong},
			"the writer fails at EOF": {func(d *publication.Draft) error {
				return d.Write("list", func(out io.Writer) error { return errors.Join(write(out), io.EOF) })
			}, io.EOF},
			"the writer ends with EOF": {func(d *publication.Draft) error { return d.Write("list", func(io.Writer) error { return io.EOF }) }, io.EOF},
			"one path twice": {func(d *publication.Draft) error {
				return errors.Join(d.Write("list", func(io.Writer) error { return nil }), d.Write("list", func(io.Writer) error { return nil }))
			}, nil},
		} {
			p, err := w.publish(v, c.build)
			if p != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, %v", name, p, err)
			}
			if w.count("core_publications")+w.count("core_published_artifacts")+w.count("core_created_resources") > 0 {
				t.Errorf("%s: something is left", name)
			}
			if n, err := w.store.Storage.(storage.Cleaner).Clean(t.Context(), time.Now().Add(time.Hour)); n > 0 || err != nil {
				t.Errorf("%s: %d half-written files are left, %v", name, n, err)
			}
		}
	})
}

// The storage fails in the middle: the writer stops, hears why, and the task does too.
func TestTheWriterHearsOfTheStorage(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v := w.version(1)
		w.failing(errs.New(errs.StorageFull, "full"))
		_, err := w.publish(v, func(d *publication.Draft) error {
			return d.Write("list", func(out io.Writer) error {
				for {
					if _, err := out.Write(make([]byte, 1<<16)); err != nil {
						return fmt.Errorf("write a line: %w", err)
					}
				}
			})
		})
		if !errs.Is(err, errs.StorageFull) || w.count("core_publications") > 0 || w.blobs() != "[]" {
			t.Errorf("%v, blobs %s", err, w.blobs())
		}
	})
}

func (f full) Stage(ctx context.Context) (storage.Staged, error) {
	s, err := f.Storage.Stage(ctx)
	return fullStage{s, f.err}, err
}

type fullStage struct {
	storage.Staged
	err error
}

func (f fullStage) Write([]byte) (int, error) { return 0, f.err }

// A panic leaves the draft to whoever settles the task; it is not visible, and nothing goes on in the background.
func TestAPanicLeavesADraftOfItsTask(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v := w.version(1)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is gone")
				}
			}()
			_, _ = w.publish(v, func(d *publication.Draft) error {
				return d.Write("list", func(out io.Writer) error { _, _ = out.Write([]byte("half a li")); panic("oops") })
			})
		}()
		if w.count("core_publications WHERE complete") != 0 || w.count("core_publications WHERE NOT complete AND task_id = ?", w.run.ID) != 1 || w.blobs() != "[]" {
			t.Errorf("blobs %s, %d publications", w.blobs(), w.count("core_publications"))
		}
	})
}

// The version goes while it is published: there is no publication then, and nobody is told of one.
func TestAVersionThatGoesMeanwhile(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v := w.version(1)
		p, err := w.publish(v, func(*publication.Draft) error {
			return w.InTx(t.Context(), func(tx *db.Tx) error { return w.versions.DeleteVersion(tx, v) })
		})
		if !errs.Is(err, errs.Conflict) || p != nil || w.count("core_created_resources") > 0 {
			t.Errorf("%v, %v", p, err)
		}
	})
}

// A task that was canceled meanwhile changes nothing any more, and its draft goes.
func TestACanceledTaskPublishesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, err := w.publish(w.version(1), func(*publication.Draft) error {
			return w.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("UPDATE core_tasks SET state = 'canceling'").Error })
		})
		if !errs.Is(err, errs.Canceled) || w.count("core_publications") > 0 {
			t.Errorf("%v, %d publications", err, w.count("core_publications"))
		}
	})
}

func TestUnitsAreAllThereInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, more := range []int{1, 998, 1, 1, 1000} { // 1, 999, 1000, 1001 and 2001 units
			v := w.version(more)
			var want, got []string
			must(t, w.Read(t.Context()).Raw("SELECT relative_path FROM core_content_artifacts ORDER BY content_id DESC, relative_path").Scan(&want).Error)
			w.version(1) // later versions do not show
			_, err := w.publish(v, func(d *publication.Draft) error {
				for u, err := range d.Units() {
					if err != nil {
						return err
					}
					if u.Size != 1 || u.SHA256 == "" || u.RelativePath[2:] != u.ContentID {
						return fmt.Errorf("unit %+v", u)
					}
					got = append(got, u.RelativePath)
				}
				return nil
			})
			must(t, err)
			if !slices.Equal(got, want) {
				t.Errorf("%d paths, want %d", len(got), len(want))
			}
			w.tx(func(tx *db.Tx) error {
				var newest model.RepositoryVersion
				if err := tx.Order("number DESC").Take(&newest).Error; err != nil {
					return err
				}
				return errors.Join(w.versions.DeleteVersion(tx, &newest), tx.Exec("DELETE FROM core_contents WHERE id NOT IN (SELECT content_id FROM core_repository_contents)").Error)
			})
		}
	})
}

func TestUnitsCanBeLeftEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, err := w.publish(w.version(1500), func(d *publication.Draft) error {
			n := 0
			for _, err := range d.Units() {
				if n++; err != nil || n == 3 {
					break
				}
			}
			if n != 3 {
				t.Errorf("%d units", n)
			}
			return nil
		})
		must(t, err)
	})
}
