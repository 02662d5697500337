package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// EnsureSecretKey gives the key that signs sessions: secret_key when it is set, else the content of
// data_dir/keys/secret.key, which is generated once. Processes that start at the same moment get the same key.
func EnsureSecretKey(s Settings) (Secret, error) {
	if !s.SecretKey.Empty() {
		return s.SecretKey, nil
	}
	path := filepath.Join(s.DataDir, "keys", "secret.key")
	key, err := readSecretKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createSecretKey(path); err != nil {
		return Secret{}, errs.New(errs.Internal, "write the generated secret key to %s (make the folder writable or set secret_key): %w", path, err)
	}
	return readSecretKey(path)
}

func readSecretKey(path string) (Secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read the secret key: %w", err)
	}
	key := strings.TrimSpace(string(data))
	if len(key) < minSecretKey {
		return Secret{}, errs.New(errs.Invalid, "the secret key in %s is shorter than %d characters: remove the file to get a new one, or set secret_key", path, minSecretKey)
	}
	return NewSecret(key), nil
}

// createSecretKey writes a complete file and links it into place, so that nobody reads half a key and the first of
// several processes wins.
func createSecretKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	random := make([]byte, 48)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	_, err = temp.WriteString(base64.RawURLEncoding.EncodeToString(random) + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
