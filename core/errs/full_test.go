package errs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestAFullDiskIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	written := func(cause error) error {
		return fmt.Errorf("keep the manifest: %w", &fs.PathError{Op: "write", Path: "/srv/tasks/7/manifest", Err: cause})
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"full":    {written(syscall.ENOSPC), "the folder /srv/tasks/7 is full"},
		"quota":   {written(syscall.EDQUOT), "the folder /srv/tasks/7 is full"},
		"bare":    {syscall.ENOSPC, "a disk of the server is full"},
		"wrapped": {errs.New(errs.Internal, "pack: %w", written(syscall.ENOSPC)), "/srv/tasks/7"},
	} {
		got := errs.Full(c.err)
		if !errs.Is(got, errs.StorageFull) || !strings.Contains(got.Error(), c.want) || !errors.Is(got, c.err) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, err := range []error{nil, errors.New("x"), written(syscall.EIO), errs.New(errs.StorageFull, "the storage is full: %w", syscall.ENOSPC), errs.New(errs.Unavailable, "x: %w", syscall.ENOSPC)} {
		if got := errs.Full(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
