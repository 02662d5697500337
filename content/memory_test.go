package content

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"

	"github.com/packhouse/packhouse/core/model"
)

// TestFetchingKeepsMemoryFlat: what a file of any size costs is a few buffers. It counts all that is allocated, so
// nothing may run beside it.
func TestFetchingKeepsMemoryFlat(t *testing.T) {
	const size, most = 128 << 20, 32 << 20
	block := pattern(1 << 20)
	whole := sha256.New()
	for range size / len(block) {
		_, _ = whole.Write(block)
	}
	digest := hex.EncodeToString(whole.Sum(nil))
	up := serveOn(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		for range size / len(block) {
			_, _ = w.Write(block)
		}
	})
	m := embedded(t)
	c, declared := m.unit("f"), int64(size)
	m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: "f", RemoteID: m.remote("r", model.OnDemand).ID, URL: up + "/f", Size: &declared, SHA256: &digest})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a, body := m.open(t.Context(), "GET", "d/f", nil)
	if a.broken != nil {
		t.Fatal(a.broken)
	}
	got := sha256.New()
	n, err := io.Copy(got, body)
	runtime.ReadMemStats(&after)
	if n != size || err != nil || hex.EncodeToString(got.Sum(nil)) != digest {
		t.Errorf("%d bytes, %v", n, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("%d bytes were allocated for a file of %d", used, size)
	}
	m.until("it is stored", func() bool { return m.attached(c) == digest })
}
