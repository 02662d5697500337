package config

import "path/filepath"

// Defaults gives the settings that apply when nobody says anything, before WithDefaults: DataDir is still relative.
func Defaults() Settings {
	var s Settings
	if err := decodeInto(newMerge(newSchema(nil)).leaves, "", &s); err != nil {
		panic(err) // the tags of Settings are wrong
	}
	return s
}

// WithDefaults fills in what follows from other settings: places below DataDir. It reads and writes nothing.
func (s Settings) WithDefaults() Settings {
	below := func(value string, parts ...string) string {
		if value != "" || s.DataDir == "" {
			return value
		}
		return filepath.Join(append([]string{s.DataDir}, parts...)...)
	}
	s.DBEncryptionKey = below(s.DBEncryptionKey, "keys", "database.key")
	s.Storage.Location = below(s.Storage.Location, "media")
	s.WorkingDirectory = below(s.WorkingDirectory, "tmp")
	if s.Database.URL.Empty() && s.DataDir != "" {
		s.Database.URL = NewSecret("sqlite://" + filepath.Join(s.DataDir, "packhouse.db"))
	}
	return s
}
