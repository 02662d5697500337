package errs

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Full makes StorageFull, with the folder named, of a foreign error or one of kind Internal whose cause is that a disk or
// a quota is full (ENOSPC, EDQUOT); any other error stays as it is.
func Full(err error) error {
	if !Is(err, Internal) || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	where := "a disk of the server is full"
	if at, known := errors.AsType[*fs.PathError](err); known {
		where = "the disk of the folder " + filepath.Dir(at.Path) + " is full"
	}
	return &Error{Kind: StorageFull, Msg: where + "; free space there or raise the quota, then try again", Err: hidden{err}}
}
