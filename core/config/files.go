package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// findFiles says which files to read, lowest first: those of --config, else the one of PACKHOUSE_CONFIG, else the
// system file; then conf.d/*.yaml (sorted) and local.yaml beside each of them. A file that was named must exist.
func findFiles(o Options, named string) ([]string, []error) {
	main, where := slices.Clone(o.Files), Origin{Layer: LayerFlag, Where: "--config"}
	if len(main) == 0 && named != "" {
		main, where = []string{named}, Origin{Layer: LayerEnvironment, Where: "PACKHOUSE_CONFIG"}
	}
	optional := len(main) == 0
	if optional && o.System != "" {
		main = []string{o.System}
	}
	var paths, folders []string
	var faults []error
	for _, path := range main {
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.Dir, path)
		}
		exists, err := fileExists(path)
		if err != nil || !exists && !optional {
			faults = append(faults, missing(where, path, err))
			continue
		}
		if exists {
			paths = append(paths, path)
		}
		if dir := filepath.Dir(path); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	for _, dir := range folders {
		found, err := beside(dir)
		faults = append(faults, err...)
		paths = append(paths, slices.DeleteFunc(found, func(p string) bool { return slices.Contains(paths, p) })...)
	}
	return paths, faults
}

func missing(where Origin, path string, err error) error {
	if err != nil {
		return fmt.Errorf("look for the settings file: %w", err)
	}
	return faultf(where, "", "there is no file %s", path)
}

// beside gives the files that may lie next to a main file.
func beside(dir string) (paths []string, faults []error) {
	entries, err := os.ReadDir(filepath.Join(dir, "conf.d"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{fmt.Errorf("list more settings: %w", err)}
	}
	for _, e := range entries { // sorted by name
		path := filepath.Join(dir, "conf.d", e.Name())
		switch filepath.Ext(e.Name()) {
		case ".yaml":
			paths = append(paths, path)
		case ".yml":
			faults = append(faults, faultf(Origin{Layer: LayerFile, Where: path}, "", "only *.yaml is read here; rename it"))
		}
	}
	local := filepath.Join(dir, "local.yaml")
	switch exists, err := fileExists(local); {
	case err != nil:
		faults = append(faults, fmt.Errorf("look for local settings: %w", err))
	case exists:
		paths = append(paths, local)
	}
	return paths, faults
}

func fileExists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
