package fs

import (
	"errors"
	"os"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// fault gives an error of the file system a kind; doing says what was being done to the key. nil stays nil.
func fault(doing, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &errs.Error{Kind: errs.StorageFull, Err: err,
			Msg: "the storage is full; free space, raise the quota or enlarge the disk of the storage folder, then try again"}
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return storage.Missing(key, err)
	case errors.Is(err, os.ErrPermission):
		return errs.New(errs.Internal, "not allowed to %s blob %q; check owner and mode of the storage folder: %w", doing, key, err)
	}
	return errs.New(errs.Internal, "cannot %s blob %q; check the disk and the log of the system: %w", doing, key, err)
}

// commitFault is fault for the place where a blob shall go: what is in the way there is a conflict, not a missing blob.
func commitFault(key string, err error) error {
	for _, inTheWay := range []error{syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.EEXIST} {
		if errors.Is(err, inTheWay) {
			return errs.New(errs.Conflict, "blob %q cannot be stored because a blob or a folder is in its way; use another key: %w", key, err)
		}
	}
	return fault("store", key, err)
}
