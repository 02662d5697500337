package node

import (
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// The folders of an installation, less the umask.
//
//	data_dir/                 0750
//	  serve.lock              locked by packhouse serve
//	  packhouse.db            0600, with -wal and -shm beside it
//	  admin-password          0600, only where nobody looked on when it was generated
//	  keys/                   0700
//	  media/                  0750, the storage
//	  tmp/                    0750, working directories of tasks
const (
	folderMode os.FileMode = 0o750
	keysMode   os.FileMode = 0o700
)

type folder struct {
	path string
	mode os.FileMode
}

// makeFolders makes the folders that are missing.
func makeFolders(s config.Settings) error {
	folders := []folder{{s.DataDir, folderMode}, {filepath.Dir(s.DBEncryptionKey), keysMode}, {s.WorkingDirectory, folderMode}}
	if s.Storage.Backend != "s3" {
		folders = append(folders, folder{s.Storage.Location, folderMode})
	}
	if file := DatabaseFile(s); file != "" {
		folders = append(folders, folder{filepath.Dir(file), folderMode})
	}
	for _, f := range folders {
		if err := os.MkdirAll(f.path, f.mode); err != nil {
			return errs.New(errs.Invalid, "make the folder %s, check who may write there or choose another with --data: %w", f.path, err)
		}
	}
	return nil
}
