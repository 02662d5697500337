package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestSecretsAreNeverPrinted prints loaded settings in every way that comes to mind.
func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2hunter2hunter2hunter2hunter2"
	d := &demo{}
	loaded := mustLoad(t, Options{Plugins: []Plugin{{Label: "demo", Settings: d}}, Environ: []string{
		"PACKHOUSE_SECRET_KEY=" + hidden, "PACKHOUSE_DATABASE__URL=postgres://u:" + hidden + "@db/p?sslpassword=" + hidden,
		"PACKHOUSE_REDIS_URL=redis://:" + hidden + "@r/0", "PACKHOUSE_DEMO__TOKEN=" + hidden, "PACKHOUSE_DEMO__HOSTS__H=" + hidden,
	}})
	if loaded.Settings.SecretKey.Reveal() != hidden || d.Hosts["h"].Reveal() != hidden {
		t.Fatal("the secrets did not arrive")
	}
	unexported := struct{ s Secret }{loaded.Settings.SecretKey}
	var out bytes.Buffer
	for _, v := range []any{loaded, *loaded, loaded.Settings, &loaded.Settings, *d, d, loaded.Settings.SecretKey, &loaded.Settings.SecretKey, unexported, loaded.Rows(), loaded.Explain("secret_key")} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("settings", "v", v)
		}
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
			data, err := marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(data)
		}
	}
	for _, row := range loaded.Rows() {
		fmt.Fprintln(&out, row.Key, row.Text())
	}
	if text := out.String(); strings.Contains(text, "hunter") || strings.Contains(text, fmt.Sprintf("%x", "hunter")) || !strings.Contains(text, Mask) {
		at := strings.Index(text, "hunter")
		t.Errorf("the secret is printed: …%s", text[max(0, at-200):at+20])
	}
	for key, want := range map[string]string{
		"database.url": "postgres://u:******@db/p", "redis_url": "redis://:******@r/0", "secret_key": Mask, "admin_password": "", "demo.hosts.h": Mask,
	} {
		steps := loaded.Explain(key)
		if got := steps[len(steps)-1].Value; got != want {
			t.Errorf("%s is shown as %v, want %q", key, got, want)
		}
	}
}

func TestSecretText(t *testing.T) {
	t.Parallel()
	s := NewSecret("x")
	if s.String() != Mask || fmt.Sprintf("%v %q", s, s) != Mask+` "`+Mask+`"` || (Secret{}).String() != "" || !(Secret{}).Empty() {
		t.Errorf("prints as %v", s)
	}
	if !s.Equal(NewSecret("x")) || s.Equal(Secret{}) {
		t.Error("Equal does not compare the text")
	}
	for in, want := range map[string]string{"": "", "plain": Mask, "mailto:x": Mask, "sqlite:///a/b.db": "sqlite:///a/b.db", "://x": Mask} {
		if got := NewSecret(in).RedactedURL(); got != want {
			t.Errorf("%q is redacted to %q, want %q", in, got, want)
		}
	}
}

func TestSecretKeyIsGeneratedOnce(t *testing.T) {
	t.Parallel()
	s := Settings{DataDir: filepath.Join(t.TempDir(), "data")}
	keys := make([]Secret, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := EnsureSecretKey(s)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, key := range keys {
		if !key.Equal(keys[0]) || len(key.Reveal()) < minSecretKey {
			t.Fatalf("keys differ or are short: %d characters", len(key.Reveal()))
		}
	}
	path := filepath.Join(s.DataDir, "keys", "secret.key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.DataDir, "keys", ".secret-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s.SecretKey = NewSecret("chosen")
	if key, err := EnsureSecretKey(s); err != nil || key.Reveal() != "chosen" {
		t.Errorf("secret_key is not preferred: %v", err)
	}
	s.SecretKey = Secret{}
	write(t, path, "short\n")
	if _, err := EnsureSecretKey(s); err == nil {
		t.Error("a broken key was accepted")
	}
}
