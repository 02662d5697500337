package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/s3"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// endless is a statement that takes for ever.
func endless(d db.Dialect) string {
	if d == db.Postgres {
		return "SELECT pg_sleep(1000000)"
	}
	return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
}

// elsewhere are the ways in which a cancel comes to the process that runs the task. None of them waits for the work.
func elsewhere(t *testing.T, b *bed, worker *Tasks) map[string]*Tasks {
	t.Helper()
	from := map[string]*Tasks{"here": worker}
	if b.redis != "" {
		from["through Redis"] = b.process(func(o *Options) { o.PreferDefer = true })
		from["without Redis"] = b.process(func(o *Options) { o.PreferDefer = true; o.RedisURL = "" })
	}
	return from
}

// TestCancelInTheMiddleOfAStatement: the statements never end, so nothing but the cancel can end the tasks. One in a
// transaction must not keep the cancel from being written.
func TestCancelInTheMiddleOfAStatement(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		begun := make(chan string, 1)
		b.set("read", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			begun <- run.ID
			var n int
			return nil, run.DB().Read(ctx).Raw(endless(run.DB().Dialect())).Scan(&n).Error
		})
		b.set("change", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			return nil, run.InTx(ctx, func(tx *db.Tx) error {
				err := run.Created(tx, "test.thing", "1", "things/1/")
				begun <- run.ID
				return errors.Join(err, tx.Exec(endless(tx.Dialect())).Error)
			})
		})
		b.set("fetch", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			return nil, run.InTx(ctx, func(tx *db.Tx) error {
				begun <- run.ID
				<-ctx.Done() // as somebody does who waits for something else inside a transaction
				return ctx.Err()
			})
		})
		m := b.worker()
		for way, from := range elsewhere(t, b, m) {
			for _, work := range []string{"read", "change", "fetch"} {
				row := dispatch(t, m, jobArgs{Work: work, Ex: []string{"r"}})
				receive(t, begun)
				if _, err := from.Cancel(t.Context(), row.ID); err != nil {
					t.Errorf("%s, %s: %v", work, way, err)
				}
				wait(t, m, row.ID, task.Canceled)
			}
		}
		wait(t, m, dispatch(t, m, jobArgs{Ex: []string{"r"}}).ID, task.Completed)
		var made int64
		must(t, b.db.Read(t.Context()).Model(&task.CreatedResource{}).Count(&made).Error)
		if made != 0 {
			t.Errorf("%d canceled tasks have made something", made)
		}
		if b.db.Dialect() == db.Postgres {
			eventually(t, "the end of the statements in the server", func() bool {
				var n int64
				must(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%' AND datname = current_database()").Scan(&n).Error)
				return n == 0
			})
		}
	})
}

// TestNoCommitAfterACancel: what a transaction did before the cancel is undone, although no statement comes after it.
func TestNoCommitAfterACancel(t *testing.T) {
	t.Parallel()
	b := newBed(t, testkit.Postgres(t), testkit.Redis(t)).migrate()
	inside, canceled, ended := make(chan string), make(chan struct{}), make(chan error, 1)
	b.set("change", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
		ctx = context.WithoutCancel(ctx) // as if the cancel took long to get here
		err := run.InTx(ctx, func(tx *db.Tx) error {
			err := run.Created(tx, "test.thing", "1", "things/1/")
			inside <- run.ID
			<-canceled
			return err
		})
		ended <- err
		return nil, err
	})
	m := b.worker()
	other := b.process(func(o *Options) { o.PreferDefer = true })
	row := dispatch(t, m, jobArgs{Work: "change"})
	receive(t, inside)
	_, err := other.Cancel(t.Context(), row.ID)
	must(t, err)
	close(canceled)
	if err := receive(t, ended); !errs.Is(err, errs.Canceled) {
		t.Errorf("the commit gives %v", err)
	}
	wait(t, m, row.ID, task.Canceled)
	var made int64
	must(t, b.db.Read(t.Context()).Model(&task.CreatedResource{}).Count(&made).Error)
	if made != 0 {
		t.Error("the canceled task has made something")
	}
}

// TestCancelInTheMiddleOfAnUpload: the object storage takes nothing more after the first bytes.
func TestCancelInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	endpoint, access, secret, bucket := testkit.S3(t)
	clog := newClog(t, endpoint)
	blobs, err := s3.New(s3.Options{Endpoint: clog.url, Bucket: bucket, Region: "us-east-1", AccessKey: access, SecretKey: secret, PathStyle: true, SpoolDir: t.TempDir()})
	must(t, err)
	must(t, blobs.Ensure(t.Context()))
	b := newBed(t, sqliteURL(t), "").migrate()
	b.set("upload", func(ctx context.Context, _ *task.Run, _ jobArgs) (any, error) {
		return storage.Put(ctx, blobs, "stalled", io.LimitReader(rand.Reader, 32<<20))
	})
	b.set("download", func(ctx context.Context, _ *task.Run, _ jobArgs) (any, error) {
		r, err := blobs.Open(ctx, "whole", 0, -1)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(errOf(io.Copy(io.Discard, r)), r.Close())
	})
	_, err = storage.Put(t.Context(), blobs, "whole", io.LimitReader(rand.Reader, 32<<20))
	must(t, err)
	m := b.worker()
	for _, work := range []string{"upload", "download"} {
		clog.stop(256 << 10)
		row := dispatch(t, m, jobArgs{Work: work})
		receive(t, clog.stuck)
		_, err = m.Cancel(t.Context(), row.ID)
		must(t, err)
		wait(t, m, row.ID, task.Canceled)
	}
}

func errOf(_ int64, err error) error { return err }

// clog is a proxy that lets so many bytes through, in both directions together, and then nothing.
type clog struct {
	url   string
	stuck chan struct{}
	ended chan struct{}

	mu   sync.Mutex
	left int64
}

func newClog(t *testing.T, endpoint string) *clog {
	t.Helper()
	to, err := url.Parse(endpoint)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &clog{url: "http://" + l.Addr().String(), stuck: make(chan struct{}, 100), ended: make(chan struct{}), left: 1 << 40}
	t.Cleanup(func() { close(c.ended); _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to.Host)
			if err != nil {
				_ = from.Close()
				continue
			}
			go c.pass(server, from)
			go c.pass(from, server)
		}
	}()
	return c
}

// stop clogs the pipe after n more bytes.
func (c *clog) stop(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

func (c *clog) pass(to io.WriteCloser, from io.ReadCloser) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		c.mu.Lock()
		c.left -= int64(n)
		open := c.left > 0
		c.mu.Unlock()
		if err != nil {
			return
		}
		if !open {
			c.stuck <- struct{}{}
			<-c.ended // the connection stays, and nobody reads from it
			return
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// TestDeafWorkIsGivenUp: work that does not heed its cancel loses its place, and what it does later has no effect.
func TestDeafWorkIsGivenUp(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		begun, wake, late := make(chan string), make(chan struct{}), make(chan error, 1)
		b.set("deaf", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			begun <- run.ID
			<-wake
			err := run.InTx(context.WithoutCancel(ctx), func(tx *db.Tx) error { return run.Created(tx, "test.thing", "1", "things/1/") })
			late <- err
			return "late", nil
		})
		m := b.worker(func(o *Options) { o.Concurrency, o.CancelLimit = 1, 100*time.Millisecond })
		row := dispatch(t, m, jobArgs{Work: "deaf", Ex: []string{"r"}})
		receive(t, begun)
		next := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		asked, err := m.Cancel(t.Context(), row.ID)
		must(t, err)
		if asked.State == task.Canceling && asked.CancelBy == nil || asked.State == task.Running {
			t.Errorf("it is %s, until %v", asked.State, asked.CancelBy)
		}
		wait(t, m, row.ID, task.Canceled)
		wait(t, m, next.ID, task.Completed) // in the only place, with the resource
		close(wake)
		if err := receive(t, late); !errs.Is(err, errs.Canceled) {
			t.Errorf("what it does later gives %v", err)
		}
		if end := load(t, m, row.ID); end.State != task.Canceled || len(end.Result) > 0 {
			t.Errorf("in the end it is %s with %s", end.State, end.Result)
		}
	})
}
