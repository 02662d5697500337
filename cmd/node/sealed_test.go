package node

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/plugins"
)

// notSealed are the columns of bytes that hold no secrets, each with the reason.
func notSealed() map[string]string {
	return map[string]string{
		"file_synced_lines.lines": "hashes of the lines of a public manifest",
	}
}

// TestEveryColumnOfBytesIsDeclared finds secrets that a rotation of keys would miss: every column of bytes, of all apps,
// is declared as sealed or stands in notSealed. And what is declared exists.
func TestEveryColumnOfBytesIsDeclared(t *testing.T) {
	t.Parallel()
	registry, loaded := load(t, Serve, embeddedIn(t.TempDir())...)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	if err := makeFolders(loaded.Settings); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDatabase(t.Context(), loaded.Settings, log, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	setup := Setup{Registry: registry, Settings: loaded.Settings, Log: log}
	if err := setup.migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var columns []string
	if err := d.Read(t.Context()).Raw(`SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND lower(c.type) = 'blob' ORDER BY 1`).Scan(&columns).Error; err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	for _, name := range columns {
		exist[name] = true
	}
	declared := map[string]bool{}
	for _, c := range Sealed(app.NewRegistry(plugins.All()...), loaded.Settings, log) {
		name := c.Table + "." + c.Column
		if !exist[name] || declared[name] || c.Purpose == "" || c.Key == "" {
			t.Errorf("%+v is declared twice, incomplete, or not there", c)
		}
		declared[name] = true
	}
	excepted := notSealed()
	for name := range exist {
		if declared[name] == (excepted[name] != "") {
			t.Errorf("%s holds bytes: declare it as sealed (resource.Secret, Field.Sealed, Env.Seals), or say in notSealed why it holds no secret; not both", name)
		}
	}
	for name := range excepted {
		if !exist[name] {
			t.Errorf("%s is excepted and not there", name)
		}
	}
	if len(declared) < 7 || !strings.Contains(fmt.Sprint(declared), "core_remotes.password:true") {
		t.Errorf("too little is declared: %v", declared)
	}
}
